"""Random numbers as a function of their address: nothing stored, each reached at once. · 由地址算出随机数。

A generator has a state that a resumed run must restore; a counter-based one has none: the number at (key, counter) is a
hash of both (Salmon et al. 2011, doi:10.1145/2063384.2063405). The arithmetic is integer and our own, so the values are
the same on every machine and in every version of every library.
"""

from math import isqrt

import numpy as np

_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX1, _MIX2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_ROUNDS = 6


def _mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64 bits, one to one: the finalizer of SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX2)
    return x ^ (x >> np.uint64(31))


def key(*words: int) -> int:
    """One 64-bit key out of several integers, their order included. · 多个整数合成一个 64 位密钥。

    words: any integers, taken modulo 2^64.

    >>> key(0, 1) == key(1, 0)
    False
    """
    state = 0
    for word in words:
        state = (state ^ (word & _WORD)) + _GOLDEN & _WORD
        state = (state ^ state >> 30) * _MIX1 & _WORD
        state = (state ^ state >> 27) * _MIX2 & _WORD
        state ^= state >> 31
    return state


def uniform(key: int, counters: np.ndarray, columns: int) -> np.ndarray:
    """Numbers in [0, 1) with 53 random bits at (key, counter, column). · 由 (密钥, 计数, 列) 得到的 [0, 1) 均匀数。

    counters [N] integers → [N, columns] float64. A column does not depend on how many columns are asked for.

    >>> import numpy as np
    >>> uniform(7, np.arange(2), 1).round(4).tolist()
    [[0.5243], [0.7215]]
    """
    rows = _mix(counters.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key))[:, None]
    steps = np.arange(1, columns + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return (_mix(rows + steps) >> np.uint64(11)) * 2.0**-53


def permute(key: int, positions: np.ndarray, n: int) -> np.ndarray:
    """Where a shuffle of n things puts these positions, without storing the shuffle. · 不存储排列的随机置换。

    positions [N] integers in 0…n−1 → [N] int64, one to one. A Feistel network over Z_a × Z_b with a·b ≥ n, a ≈ b ≈ √n,
    walked on until it lands inside n (Black & Rogaway 2002, doi:10.1007/3-540-45760-7_9, method 3).

    >>> import numpy as np
    >>> sorted(permute(7, np.arange(10), 10).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    a = isqrt(max(n - 1, 0)) + 1
    b = -(-n // a)
    keys = np.uint64(key) + np.arange(1, 2 * _ROUNDS + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    out = _network(positions.astype(np.uint64), keys, np.uint64(a), np.uint64(b))
    while (outside := np.flatnonzero(out >= n)).size:
        out[outside] = _network(out[outside], keys, np.uint64(a), np.uint64(b))
    return out.astype(np.int64)


def _network(x: np.ndarray, keys: np.ndarray, a: np.uint64, b: np.uint64) -> np.ndarray:
    """Six double rounds: each half moves by a hash of the other, so every round can be undone."""
    left, right = x // b, x % b
    for k in range(0, len(keys), 2):
        left = (left + _mix(right + keys[k]) % a) % a
        right = (right + _mix(left + keys[k + 1]) % b) % b
    return left * b + right
