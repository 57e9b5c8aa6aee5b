"""The known time series, without importing torch. · 已知的时间序列。"""

from dataclasses import dataclass

from .shelf import Shelf

HOME = "timeseries"  # the folder below $CHAINRULE_DATA where they are looked for


@dataclass(frozen=True)
class Known:
    """A known series: the table that holds it, whose it is. · 一个已知序列。"""

    file: str
    en: str
    zh: str
    citation: str

    @property
    def shelf(self) -> Shelf:
        """Where it lies. · 存放位置。"""
        return Shelf((HOME,), (self.file,), self.citation)


_LIBRARY = "Time Series Data Library, after"
SERIES = {
    "airline": Known(
        "airline-passengers.csv",
        "passengers of airlines by month, 1949 to 1960, in thousands",
        "1949 至 1960 年各月航空旅客数（千人）",
        f"{_LIBRARY} Box & Jenkins 1976",
    ),
    "births": Known(
        "daily-total-female-births.csv",
        "girls born in California by day, 1959",
        "1959 年加州每日出生女婴数",
        f"{_LIBRARY} Newton 1988",
    ),
    "shampoo": Known(
        "monthly-shampoo-sales.csv",
        "sales of shampoo by month, three years",
        "三年间各月洗发水销量",
        f"{_LIBRARY} Makridakis, Wheelwright & Hyndman 1998",
    ),
    "sunspots": Known(
        "monthly-sunspots.csv",
        "spots on the sun by month, 1749 to 1983",
        "1749 至 1983 年各月太阳黑子数",
        f"{_LIBRARY} Andrews & Herzberg 1985",
    ),
    "temperatures": Known(
        "daily-min-temperatures.csv",
        "lowest temperature in Melbourne by day, 1981 to 1990",
        "1981 至 1990 年墨尔本每日最低气温",
        f"{_LIBRARY} the Australian Bureau of Meteorology",
    ),
}
