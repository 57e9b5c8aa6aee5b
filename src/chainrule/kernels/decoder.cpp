// A Transformer from sentence to sentence on the processor: the encoder, and a step of the decoder up to the likeliest
// next words.
//
// It is what nn/transformer.py and nn/stepwise.py compute, layer by layer. Weights lie in panels of WIDE vectors, so that
// a tile of ROWS x WIDE sums stays in registers while the next panel is fetched. Padding is never computed: sentences
// lie one behind the other. Keys and values of what was said stay where their step wrote them, and a hypothesis knows
// its own by a path (its row in each step before), so nothing is reordered. Scores of all words are looked through while
// they are in the cache, and never kept. Threads share the rows; every number is the same sum in the same order whatever
// stands beside it.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
constexpr int LANES = 16, WIDE = 4;
#else
constexpr int LANES = 8, WIDE = 2;
#endif
constexpr int ROWS = 6;                 // of a tile
constexpr int64_t PANEL = WIDE * LANES;  // columns of one
constexpr int64_t LINE = 16;             // numbers of a line of the cache
constexpr int64_t CHUNK = 1024;          // words whose scores are looked through at once
constexpr int64_t STRIDE = CHUNK + LINE;  // rows a power of two apart would push each other out of the cache
constexpr int64_t GROUP = 192;           // rows of the encoder at once
constexpr float NEVER = -std::numeric_limits<float>::infinity();
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t whole __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
enum End { KEEP, RELU, ADD };

// The mirrors of the classes in kernels/decoder.py.
struct Matrix { const float *panels, *bias; int64_t in, out; };  // [out / PANEL, in, PANEL], filled up with zeros
struct Norm { const float *weight, *bias; double eps; };
struct Layer {
    Matrix qkv, told, query, seen, up, down, source;             // an encoder's has no query, seen and source
    Norm norms[3];                                               // nor the second
};
struct Side {
    const Layer* layers; int64_t depth, width, heads, feed, first;  // first: norms stand before the parts
    Norm last;
    const float* table; double factor;                           // words [V, D]; √D
};
struct Sources {                                                 // what the encoder says, seen by each decoder's layer
    int64_t sentences; const int64_t *tokens, *begins, *places;  // where each sentence begins, in tokens and in places
    const float* positions;                                      // [longest, D]
    float *keys, *values; int64_t size;                          // [layers, size D]: [heads, d, full], [full, D]
};
struct Job {
    const int64_t* tokens; const float* position;                // [rows]; [D]
    int64_t rows, steps;                                         // steps before this one
    const int32_t* path;                                         // [rows, steps]: the row in each step before
    float* const* kept; const int64_t* sizes;                    // of each step and this: [depth, size, 2 D]
    const int32_t* sentence;                                     // [rows]
    int64_t best; float* values; int64_t* words;                 // [rows, best]: log-probabilities, the first of equals
};

static inline lanes all(float a) { return a - lanes{}; }
static inline lanes at(const float* p) { return *(const lanes*)p; }

static inline int64_t full(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

#if defined(__AVX512F__)
static inline float sum(lanes v) { return _mm512_reduce_add_ps((__m512)v); }
static inline float largest(lanes v) { return _mm512_reduce_max_ps((__m512)v); }
#else
static inline float sum(lanes v) {
    float s = 0;
    for (int i = 0; i < LANES; ++i) s += v[i];
    return s;
}
static inline float largest(lanes v) {
    float s = v[0];
    for (int i = 1; i < LANES; ++i) s = s > v[i] ? s : v[i];
    return s;
}
#endif

// eˣ for x ≤ 0: the polynomial on [−ln2/2, ln2/2] and the exponent's bits.
static inline lanes power(lanes x) {
    x = x < -87.0f ? all(-87.0f) : x;
    const lanes n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    const lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    lanes p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * (lanes)((__builtin_convertvector(n, whole) + 127) << 23);
}

// Σ x y over n numbers.
static inline float dot(const float* x, const float* y, int64_t n) {
    lanes a = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) a += at(x + i) * at(y + i);
    float s = i ? sum(a) : 0.0f;
    for (; i < n; ++i) s += x[i] * y[i];
    return s;
}

// eˣ⁻ᵐ of n numbers in place, and their sum.
static inline float powers(float* x, float most, int64_t n) {
    lanes a = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) a += *(lanes*)(x + i) = power(at(x + i) - most);
    float s = i ? sum(a) : 0.0f;
    for (; i < n; ++i) s += x[i] = std::exp(x[i] - most);
    return s;
}

// Scores to shares; behind the last there is room up to full(n).
static void softmax(float* x, int64_t n) {
    for (int64_t i = n; i < full(n); ++i) x[i] = NEVER;
    lanes most = at(x);
    for (int64_t i = LANES; i < n; i += LANES) { const lanes u = at(x + i); most = u > most ? u : most; }
    const float part = 1.0f / powers(x, largest(most), full(n));
    for (int64_t i = 0; i < n; i += LANES) *(lanes*)(x + i) *= part;
}

// Σ share(p) value(p) over places.
template <class Value>
static void mix(const float* shares, int64_t places, Value value, float* out, int64_t d) {
    int64_t c = 0;
    for (; c + LANES <= d; c += LANES) {
        lanes a = {};
        for (int64_t p = 0; p < places; ++p) a += shares[p] * at(value(p) + c);
        *(lanes*)(out + c) = a;
    }
    for (; c < d; ++c) {
        out[c] = 0;
        for (int64_t p = 0; p < places; ++p) out[c] += shares[p] * value(p)[c];
    }
}

// One head of one query over the places of a sentence: keys [d, full(places)], values a `stride` apart.
static void look(const float* q, const float* keys, const float* values, int64_t stride, int64_t places, int64_t d,
                 float* shares, float* out) {
    const float scale = 1.0f / std::sqrt(float(d));
    const int64_t wide = full(places);
    for (int64_t p = 0; p < wide; p += 2 * LANES) {
        lanes a = {}, b = {};
        const bool both = p + LANES < wide;
        for (int64_t i = 0; i < d; ++i) {
            a += q[i] * at(keys + i * wide + p);
            if (both) b += q[i] * at(keys + i * wide + p + LANES);
        }
        *(lanes*)(shares + p) = a * scale;
        if (both) *(lanes*)(shares + p + LANES) = b * scale;
    }
    softmax(shares, places);
    mix(shares, places, [&](int64_t p) { return values + p * stride; }, out, d);
}

// M rows of one panel: Σ x w + bias, the sums in registers; what lies at `ahead` is fetched meanwhile, a line a turn.
template <int M>
static void tile(const float* x, const Matrix& w, int64_t panel, const float* ahead, float* out, int64_t stride,
                 End end) {
    const float *p = w.panels + panel * w.in * PANEL, *b = w.bias + panel * PANEL;
    lanes a[M][WIDE];
    for (int m = 0; m < M; ++m)
        for (int v = 0; v < WIDE; ++v) a[m][v] = at(b + v * LANES);
    for (int64_t k = 0; k < w.in; ++k, p += PANEL) {
        __builtin_prefetch(ahead + k * LINE, 0, 2);
        lanes u[WIDE];
        for (int v = 0; v < WIDE; ++v) u[v] = at(p + v * LANES);
        for (int m = 0; m < M; ++m)
            for (int v = 0; v < WIDE; ++v) a[m][v] += x[m * w.in + k] * u[v];
    }
    if (end == RELU)
        for (int m = 0; m < M; ++m)
            for (int v = 0; v < WIDE; ++v) a[m][v] = a[m][v] > 0.0f ? a[m][v] : all(0.0f);
    const int64_t wide = w.out - panel * PANEL;
    if (wide >= PANEL) {
        for (int m = 0; m < M; ++m)
            for (int v = 0; v < WIDE; ++v) {
                float* o = out + m * stride + v * LANES;
                *(lanes*)o = end == ADD ? at(o) + a[m][v] : a[m][v];
            }
        return;
    }
    float s[M][PANEL];
    std::memcpy(s, a, sizeof s);
    for (int m = 0; m < M; ++m)
        for (int64_t i = 0; i < wide; ++i) out[m * stride + i] = s[m][i] + (end == ADD ? out[m * stride + i] : 0.0f);
}

// x [n, in] → out: the panels [begin, end) of a product.
static void product(const float* x, int64_t n, const Matrix& w, int64_t begin, int64_t end, float* out, int64_t stride,
                    End what) {
    for (int64_t panel = begin; panel < end; ++panel, out += PANEL) {
        const float* next = w.panels + std::min(panel + 1, end - 1) * w.in * PANEL;
        for (int64_t i = 0, part = 0; i < n; i += ROWS, part = std::min(part + 1, PANEL / LINE - 1)) {
            const float *from = x + i * w.in, *ahead = next + part * w.in * LINE;
            float* to = out + i * stride;
            switch (std::min<int64_t>(ROWS, n - i)) {
                case 1: tile<1>(from, w, panel, ahead, to, stride, what); break;
                case 2: tile<2>(from, w, panel, ahead, to, stride, what); break;
                case 3: tile<3>(from, w, panel, ahead, to, stride, what); break;
                case 4: tile<4>(from, w, panel, ahead, to, stride, what); break;
                case 5: tile<5>(from, w, panel, ahead, to, stride, what); break;
                default: tile<ROWS>(from, w, panel, ahead, to, stride, what);
            }
        }
    }
}

static int64_t panels(const Matrix& w) { return (w.out + PANEL - 1) / PANEL; }

static void linear(const float* x, int64_t n, const Matrix& w, float* out, End what = KEEP) {
    product(x, n, w, 0, panels(w), out, w.out, what);
}

static void normed(const float* x, int64_t n, int64_t D, const Norm& norm, float* out) {
    for (int64_t r = 0; r < n; ++r, x += D, out += D) {
        lanes a = {};
        float mean = 0, square = 0;
        int64_t i = 0;
        for (; i + LANES <= D; i += LANES) a += at(x + i);
        for (mean = sum(a); i < D; ++i) mean += x[i];
        mean /= float(D);
        a = lanes{};
        for (i = 0; i + LANES <= D; i += LANES) { const lanes u = at(x + i) - mean; a += u * u; }
        for (square = sum(a); i < D; ++i) square += (x[i] - mean) * (x[i] - mean);
        const float scale = 1.0f / std::sqrt(square / float(D) + float(norm.eps));
        for (i = 0; i + LANES <= D; i += LANES)
            *(lanes*)(out + i) = (at(x + i) - mean) * scale * at(norm.weight + i) + at(norm.bias + i);
        for (; i < D; ++i) out[i] = (x[i] - mean) * scale * norm.weight[i] + norm.bias[i];
    }
}

// The best words of one row so far, and Σ eˣ⁻ᵐ.
struct Found {
    float most = NEVER; double total = 0;
    std::vector<float> scores; std::vector<int64_t> words;
    explicit Found(int64_t best) : scores(best, NEVER), words(best, 0) {}

    void take(float score, int64_t word) {
        int64_t i = int64_t(scores.size()) - 1;
        for (; i > 0 && score > scores[i - 1]; --i) { scores[i] = scores[i - 1]; words[i] = words[i - 1]; }
        scores[i] = score; words[i] = word;
    }

    void look(float* x, int64_t begin, int64_t n) {
        float high = NEVER;
        for (int64_t c = 0; c < n; c += PANEL) {
            const int64_t wide = std::min(PANEL, n - c);
            float top = NEVER;
            if (wide == PANEL) {
                lanes m = at(x + c);
                for (int v = 1; v < WIDE; ++v) { const lanes u = at(x + c + v * LANES); m = u > m ? u : m; }
                top = largest(m);
            } else {
                for (int64_t i = 0; i < wide; ++i) top = std::max(top, x[c + i]);
            }
            high = std::max(high, top);
            if (top > scores.back())
                for (int64_t i = c; i < c + wide; ++i)
                    if (x[i] > scores.back()) take(x[i], begin + i);
        }
        if (high > most) { total *= std::exp(double(most) - high); most = high; }
        total += powers(x, most, n);
    }
};

// Some rows on their way through the layers of one side.
struct Rows {
    const Side& side;
    const int64_t n, D, d;
    std::vector<float> x, y, qkv, wide, shares;

    Rows(const Side& s, int64_t rows, int64_t places)
        : side(s), n(rows), D(s.width), d(s.width / s.heads), x(n * D), y(n * D), qkv(n * 3 * D),
          wide(n * std::max(s.feed, STRIDE)), shares(s.heads * full(places)) {}

    void read(int64_t row, int64_t token, const float* position) {
        const float* word = side.table + token * D;
        for (int64_t i = 0; i < D; ++i) x[row * D + i] = word[i] * float(side.factor) + position[i];
    }

    // x + part(norm(x)), or norm(x + part(x)).
    template <class Part>
    void residual(const Norm& norm, Part part) {
        if (side.first) normed(x.data(), n, D, norm, y.data());
        part(side.first ? y.data() : x.data());
        if (!side.first) normed(x.data(), n, D, norm, x.data());
    }

    // Self-attention, attention to a source where there is one, and the feed-forward part; `back` and `across` go from
    // qkv to y.
    template <class Back, class Across>
    void layer(const Layer& l, Back back, Across across) {
        residual(l.norms[0], [&](const float* in) {
            linear(in, n, l.qkv, qkv.data());
            back();
            linear(y.data(), n, l.told, x.data(), ADD);
        });
        if (l.query.out)
            residual(l.norms[1], [&](const float* in) {
                linear(in, n, l.query, qkv.data());
                across();
                linear(y.data(), n, l.seen, x.data(), ADD);
            });
        residual(l.norms[2], [&](const float* in) {
            linear(in, n, l.up, wide.data(), RELU);
            linear(wide.data(), n, l.down, x.data(), ADD);
        });
    }
};

// Sentences [begin, end) by the encoder, and their keys and values for each layer of the decoder.
static void read(const Side& own, const Side& other, const Sources& s, int64_t begin, int64_t end) {
    const int64_t first = s.begins[begin], D = own.width;
    int64_t longest = 0;
    for (int64_t i = begin; i < end; ++i) longest = std::max(longest, s.begins[i + 1] - s.begins[i]);
    Rows rows(own, s.begins[end] - first, longest);
    std::vector<float> turned(rows.d * full(longest));
    for (int64_t i = begin; i < end; ++i)
        for (int64_t p = s.begins[i]; p < s.begins[i + 1]; ++p)
            rows.read(p - first, s.tokens[p], s.positions + (p - s.begins[i]) * D);

    auto turn = [&](const float* keys, int64_t stride, int64_t places, float* to) {
        for (int64_t p = 0; p < places; ++p)
            for (int64_t i = 0; i < rows.d; ++i) to[i * full(places) + p] = keys[p * stride + i];
    };
    for (int64_t l = 0; l < own.depth; ++l)
        rows.layer(own.layers[l], [&] {
            for (int64_t i = begin; i < end; ++i)
                for (int64_t h = 0; h < D; h += rows.d) {
                    const int64_t places = s.begins[i + 1] - s.begins[i], at = s.begins[i] - first;
                    const float* from = &rows.qkv[at * 3 * D + h];
                    turn(from + D, 3 * D, places, turned.data());
                    for (int64_t p = 0; p < places; ++p)
                        look(from + p * 3 * D, turned.data(), from + 2 * D, 3 * D, places, rows.d, rows.shares.data(),
                             &rows.y[(at + p) * D + h]);
                }
        }, [] {});
    normed(rows.x.data(), rows.n, D, own.last, rows.y.data());
    for (int64_t l = 0; l < other.depth; ++l) {
        linear(rows.y.data(), rows.n, other.layers[l].source, rows.qkv.data());
        for (int64_t i = begin; i < end; ++i) {
            const int64_t places = s.begins[i + 1] - s.begins[i], place = l * s.size + s.places[i];
            const float* from = &rows.qkv[(s.begins[i] - first) * 2 * D];
            for (int64_t h = 0; h < D; h += rows.d)
                turn(from + h, 2 * D, places, s.keys + place * D + h * full(places));
            for (int64_t p = 0; p < places; ++p)
                std::memcpy(s.values + (place + p) * D, from + p * 2 * D + D, D * sizeof(float));
        }
    }
}

// Rows [begin, end) of hypotheses, one word more.
struct Said {
    const Side& side; const Sources& sources; const Job& job;
    const int64_t begin, D, d;
    Rows rows;

    Said(const Side& s, const Sources& from, const Job& j, int64_t b, int64_t end, int64_t longest)
        : side(s), sources(from), job(j), begin(b), D(s.width), d(D / s.heads),
          rows(s, end - b, std::max(longest, j.steps + 1)) {}

    void back(int64_t l) {
        const int64_t places = job.steps + 1, wide = full(places);
        const float scale = 1.0f / std::sqrt(float(d));
        float* here = job.kept[job.steps] + (l * job.rows + begin) * 2 * D;
        std::vector<const float*> keys(places);
        for (int64_t r = 0; r < rows.n; ++r, here += 2 * D) {
            const float* q = &rows.qkv[r * 3 * D];
            std::memcpy(here, q + D, 2 * D * sizeof(float));
            const int32_t* path = job.path + (begin + r) * job.steps;
            for (int64_t p = 0; p < job.steps; ++p) keys[p] = job.kept[p] + (l * job.sizes[p] + path[p]) * 2 * D;
            keys[job.steps] = here;
            for (int64_t p = 0; p < places; ++p)
                for (int64_t h = 0; h < side.heads; ++h)
                    rows.shares[h * wide + p] = dot(q + h * d, keys[p] + h * d, d) * scale;
            for (int64_t h = 0; h < side.heads; ++h) {
                softmax(&rows.shares[h * wide], places);
                mix(&rows.shares[h * wide], places, [&](int64_t p) { return keys[p] + D + h * d; },
                    &rows.y[r * D + h * d], d);
            }
        }
    }

    void across(int64_t l) {
        for (int64_t r = 0; r < rows.n; ++r) {
            const int64_t i = job.sentence[begin + r], places = sources.begins[i + 1] - sources.begins[i];
            const int64_t from = (l * sources.size + sources.places[i]) * D;
            for (int64_t h = 0; h < D; h += d)
                look(&rows.qkv[r * D + h], sources.keys + from + h * full(places), sources.values + from + h, D, places,
                     d, rows.shares.data(), &rows.y[r * D + h]);
        }
    }

    void run(const Matrix& out) {
        for (int64_t r = 0; r < rows.n; ++r) rows.read(r, job.tokens[begin + r], job.position);
        for (int64_t l = 0; l < side.depth; ++l)
            rows.layer(side.layers[l], [&] { back(l); }, [&] { across(l); });
        normed(rows.x.data(), rows.n, D, side.last, rows.y.data());
        std::vector<Found> found(rows.n, Found(job.best));
        for (int64_t word = 0; word < out.out; word += CHUNK) {
            const int64_t many = std::min(CHUNK, out.out - word), panel = word / PANEL;
            const int64_t last = panel + (many + PANEL - 1) / PANEL;
            product(rows.y.data(), rows.n, out, panel, last, rows.wide.data(), STRIDE, KEEP);
            for (int64_t r = 0; r < rows.n; ++r) found[r].look(&rows.wide[r * STRIDE], word, many);
        }
        for (int64_t r = 0; r < rows.n; ++r) {
            const double log_total = double(found[r].most) + std::log(found[r].total);
            for (int64_t i = 0, to = (begin + r) * job.best; i < job.best; ++i, ++to) {
                job.values[to] = float(double(found[r].scores[i]) - log_total);
                job.words[to] = found[r].words[i];
            }
        }
    }
};

// work(0) … work(many − 1), each by a thread of its own.
template <class Work>
static void share(int64_t many, Work work) {
    std::vector<std::thread> others;
    for (int64_t t = 1; t < many; ++t) others.emplace_back(work, t);
    if (many > 0) work(0);
    for (std::thread& other : others) other.join();
}

extern "C" int64_t panel() { return PANEL; }  // columns of one

extern "C" int64_t lane() { return LANES; }

// A thread takes the next few sentences: as many as make GROUP rows, which stay in the cache.
extern "C" void encode(const Side* own, const Side* other, const Sources* s, int64_t threads) {
    std::atomic<int64_t> next{0};
    std::vector<int64_t> groups{0};
    for (int64_t i = 0; i < s->sentences; ++i)
        if (s->begins[i + 1] - s->begins[groups.back()] >= GROUP || i + 1 == s->sentences) groups.push_back(i + 1);
    const int64_t many = int64_t(groups.size()) - 1;
    share(std::min(threads, many), [&](int64_t) {
        for (int64_t g; (g = next.fetch_add(1)) < many;) read(*own, *other, *s, groups[g], groups[g + 1]);
    });
}

extern "C" void step(const Side* side, const Matrix* out, const Sources* s, const Job* job, int64_t threads) {
    int64_t longest = 0;
    for (int64_t i = 0; i < s->sentences; ++i) longest = std::max(longest, s->begins[i + 1] - s->begins[i]);
    const int64_t tiles = (job->rows + ROWS - 1) / ROWS, many = std::min(threads, tiles);
    share(many, [&](int64_t t) {
        const int64_t begin = tiles * t / many * ROWS, end = std::min(tiles * (t + 1) / many * ROWS, job->rows);
        Said(*side, *s, *job, begin, end, longest).run(*out);
    });
}
