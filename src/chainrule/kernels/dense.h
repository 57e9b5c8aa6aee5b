// Dense layers in vectors of LANES numbers: products with weights in panels, norms, softmax, attention of one query.
//
// Weights lie in panels of WIDE vectors, so that a tile of ROWS x WIDE sums stays in registers while the next panel is
// fetched. A row is computed the same, to the bit, whatever rows stand beside it.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "lanes.h"

#if defined(__AVX512F__)
#include <immintrin.h>
constexpr int WIDE = 4;
#else
constexpr int WIDE = 2;
#endif
constexpr int ROWS = 6;                 // of a tile
constexpr int64_t PANEL = WIDE * LANES;  // columns of one
constexpr int64_t LINE = 16;             // numbers of a line of the cache
constexpr float NEVER = -std::numeric_limits<float>::infinity();
enum End { KEEP, RELU, ADD };

// The mirrors of the classes in kernels/decoder.py.
struct Matrix { const float *panels, *bias; int64_t in, out; };  // [out / PANEL, in, PANEL], filled up with zeros
struct Norm { const float *weight, *bias; double eps; };

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
