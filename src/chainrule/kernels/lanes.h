// Vectors of LANES numbers, and eˣ of them.

#pragma once

#include <cstdint>

#if defined(__AVX512F__)
constexpr int LANES = 16;
#else
constexpr int LANES = 8;
#endif
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t whole __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline lanes all(float a) { return a - lanes{}; }

// eˣ for x ≤ 87: the polynomial on [−ln2/2, ln2/2] and the exponent's bits.
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
