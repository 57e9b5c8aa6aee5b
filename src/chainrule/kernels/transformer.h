// The layers of a Transformer from sentence to sentence, for some rows at a time: what nn/transformer.py and
// nn/stepwise.py compute, layer by layer.
//
// Padding is never computed: sentences lie one behind the other. Keys and values of what was said stay where their step
// wrote them, and a hypothesis knows its own by a path (its row in each step before), so nothing is reordered. Scores of
// all words are looked through while they are in the cache, and never kept.

#pragma once

#include <vector>

#include "dense.h"

constexpr int64_t CHUNK = 1024;          // words whose scores are looked through at once
constexpr int64_t STRIDE = CHUNK + LINE;  // rows a power of two apart would push each other out of the cache

// The mirrors of the classes in kernels/decoder.py.
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

// The best words of one row so far.
struct Found {
    std::vector<float> scores; std::vector<int64_t> words;
    explicit Found(int64_t best) : scores(best, NEVER), words(best, 0) {}

    void take(float score, int64_t word) {
        if (!(score > scores.back())) return;
        int64_t i = int64_t(scores.size()) - 1;
        for (; i > 0 && score > scores[i - 1]; --i) { scores[i] = scores[i - 1]; words[i] = words[i - 1]; }
        scores[i] = score; words[i] = word;
    }

    // The scores of n words from `begin` on; their largest.
    float look(const float* x, int64_t begin, int64_t n) {
        float high = NEVER;
        for (int64_t c = 0; c < n; c += PANEL) {
            const int64_t end = std::min(c + PANEL, n);
            float top = NEVER;
            if (end - c == PANEL) {
                lanes m = at(x + c);
                for (int v = 1; v < WIDE; ++v) { const lanes u = at(x + c + v * LANES); m = u > m ? u : m; }
                top = largest(m);
            } else {
                for (int64_t i = c; i < end; ++i) top = std::max(top, x[i]);
            }
            high = std::max(high, top);
            if (top > scores.back())
                for (int64_t i = c; i < end; ++i) take(x[i], begin + i);
        }
        return high;
    }
};

// Some rows on their way through the layers of one side.
struct Rows {
    const Side& side;
    const int64_t n, D, d;
    std::vector<float> x, y, qkv, wide, shares;

    Rows(const Side& s, int64_t rows, int64_t places)
        : side(s), n(rows), D(s.width), d(s.width / s.heads), x(n * D), y(n * D), qkv(n * 3 * D),
          wide(n * s.feed), shares(s.heads * full(places)) {}

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

    // The last norm of all layers goes to y [n, D].
    void run(float* y) {
        for (int64_t r = 0; r < rows.n; ++r) rows.read(r, job.tokens[begin + r], job.position);
        for (int64_t l = 0; l < side.depth; ++l)
            rows.layer(side.layers[l], [&] { back(l); }, [&] { across(l); });
        normed(rows.x.data(), rows.n, D, side.last, y);
    }
};

// What y [n, D] scores: of each row and chunk of words the largest and Σ e^(x − largest), and the best words of some.
struct Scores {
    const Matrix& out;
    const int64_t n, best, chunks;
    std::vector<float> highs, sums;

    Scores(const Matrix& w, int64_t rows, int64_t b)
        : out(w), n(rows), best(b), chunks((w.out + CHUNK - 1) / CHUNK), highs(n * chunks), sums(n * chunks) {}

    void look(const float* y, int64_t begin, int64_t end, int64_t chunk, int64_t last, Found* found) {
        std::vector<float> scores((end - begin) * STRIDE);
        for (; chunk < last; ++chunk) {
            const int64_t word = chunk * CHUNK, many = std::min(CHUNK, out.out - word), panel = word / PANEL;
            const int64_t after = panel + (many + PANEL - 1) / PANEL;
            product(y + begin * out.in, end - begin, out, panel, after, scores.data(), STRIDE, KEEP);
            for (int64_t r = begin; r < end; ++r) {
                float* x = &scores[(r - begin) * STRIDE];
                const float high = highs[r * chunks + chunk] = found[r].look(x, word, many);
                sums[r * chunks + chunk] = powers(x, high, many);
            }
        }
    }

    double log_total(int64_t r) const {
        const float *high = &highs[r * chunks], most = *std::max_element(high, high + chunks);
        double total = 0;
        for (int64_t c = 0; c < chunks; ++c) total += sums[r * chunks + c] * std::exp(double(high[c]) - most);
        return most + std::log(total);
    }
};
