// word2vec on the processor: one window after the other, each as small products of matrices, threads without locks.
//
// All neighbours of a word share its K drawn words (Ji, Satish, Li & Dubey 2016, arXiv:1604.04661), so a window is
//   Z = X Yᵀ,  G = lr (label − σ(Z)),  X += G Y,  Y += Gᵀ X          X [B, D] inputs, Y [M, D] outputs
// which are the deltas of the formulas in nn/word2vec.py. What is drawn for a word is a hash of (key, its position), as
// data/counter.py has it: it depends neither on the threads nor on where a run was interrupted.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "lanes.h"

constexpr uint64_t GOLDEN = 0x9E3779B97F4A7C15u;
constexpr int TILE = 6;            // outputs at once: a word and its five drawn ones
constexpr int64_t LOOK = 64;       // the loss is measured at every so many positions
constexpr int32_t LINE = -1;       // ends a line in the ids

// The mirror of class Job in kernels/word2vec.py.
struct Job {
    const int32_t* ids; int64_t length, begin, end;
    const double* keep;            // [V] share of a word's occurrences that stay
    const double* threshold; const int32_t* alias;                     // [V] alias table of the drawn words
    const int32_t* nodes; const int8_t* turns; const int64_t* paths;   // Huffman paths of all words and where each begins
    float* input; float* output;   // [V, stride]
    int64_t words, stride, window, negative, cbow, threads, block;
    uint64_t key;
    double lr, least, done, total;  // lr falls from lr by (done + position) / total, not below least · lr
    double loss; int64_t pairs, trained;                                // what comes back
};

static inline uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static inline double draw(const Job& job, int64_t position, int column) {
    const uint64_t row = mix(uint64_t(position) * GOLDEN + job.key);
    return double(mix(row + uint64_t(column + 1) * GOLDEN) >> 11) * 0x1p-53;
}

static inline bool stays(const Job& job, int64_t position) {
    return draw(job, position, 0) < job.keep[job.ids[position]];
}

// σ(x)
static inline lanes sigmoid(lanes x) {
    const lanes z = -x;
    return 1.0f / (1.0f + power(z > 87.0f ? all(87.0f) : z));
}

static inline float sum(lanes v) {
    float s[LANES];
    std::memcpy(s, &v, sizeof s);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) s[i] += s[i + half];
    return s[0];
}

struct Worker {
    Job& job;
    const int64_t S;
    std::vector<int32_t> ids;          // words of a block that stay, LINE between lines
    std::vector<int64_t> places;       // where each stands in the text
    std::vector<float> space;
    std::vector<float*> inputs;        // the rows of a window: neighbours,
    struct Outputs { int64_t at = -1; int count = 0; std::vector<float*> rows; std::vector<float> labels; } now, next;
    float *X, *Y, *Z, *G, *shift;
    int64_t most;
    double loss = 0;
    int64_t pairs = 0, trained = 0;

    explicit Worker(Job& j) : job(j), S(j.stride) {
        most = job.negative + 1;
        if (job.paths) {
            most = 1;
            for (int64_t w = 0; w < job.words; ++w) most = std::max(most, job.paths[w + 1] - job.paths[w]);
        }
        most = (most + TILE - 1) / TILE * TILE;
        const int64_t B = 2 * job.window, square = (B * most + LANES - 1) / LANES * LANES;
        space.assign((B + most + 1) * S + 2 * square + 64, 0.0f);
        X = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(space.data()) + 63) / 64 * 64);
        Y = X + B * S; shift = Y + most * S; Z = shift + S; G = Z + square;
        inputs.resize(B);
        for (Outputs* o : {&now, &next}) { o->rows.resize(most); o->labels.resize(most); }
    }

    // The words of positions [begin, end) that stay, and as many neighbours on both sides as a window may reach.
    void gather(int64_t begin, int64_t end) {
        ids.clear(); places.clear();
        int64_t low = begin, found = 0;
        while (low > 0 && job.ids[low - 1] != LINE && found < job.window) found += stays(job, --low);
        found = 0;
        for (int64_t i = low; i < job.length; ++i) {
            const int32_t word = job.ids[i];
            if (word == LINE) {
                if (i >= end) break;
            } else if (!stays(job, i)) {
                continue;
            } else if (i >= end && found++ >= job.window) {
                break;
            }
            ids.push_back(word); places.push_back(i);
        }
    }

    void add(Outputs& o, int64_t row, float label) {
        float* p = job.output + row * S;
        for (int64_t c = 0; c < S; c += 16) __builtin_prefetch(p + c, 1);
        o.rows[o.count] = p; o.labels[o.count++] = label;
    }

    // What the word at p is told from: its drawn words, or the turns of its path.
    void choose(Outputs& o, int64_t p) {
        const int32_t word = ids[p];
        o.at = p; o.count = 0;
        if (job.paths) {
            for (int64_t i = job.paths[word]; i < job.paths[word + 1]; ++i) add(o, job.nodes[i], job.turns[i] > 0);
            return;
        }
        add(o, word, 1.0f);
        for (int k = 0; k < job.negative; ++k) {
            const double x = draw(job, places[p], 2 + k) * double(job.words);
            int32_t drawn = int32_t(x);
            if (x >= job.threshold[drawn]) drawn = job.alias[drawn];
            if (drawn != word) add(o, drawn, 0.0f);
        }
    }

    int neighbours(int64_t p) {
        const int64_t reach = 1 + int64_t(draw(job, places[p], 1) * double(job.window));
        int B = 0;
        for (int64_t i = p - 1; i >= 0 && i >= p - reach && ids[i] != LINE; --i) inputs[B++] = job.input + ids[i] * S;
        for (int64_t i = p + 1; i < int64_t(ids.size()) && i <= p + reach && ids[i] != LINE; ++i)
            inputs[B++] = job.input + ids[i] * S;
        return B;
    }

    void block(int64_t begin, int64_t end) {
        gather(begin, end);
        now.at = next.at = -1;
        for (int64_t p = 0; p < int64_t(ids.size()) && places[p] < end; ++p) {
            if (ids[p] == LINE || places[p] < begin) continue;
            if (next.at == p) std::swap(now, next); else choose(now, p);
            if (p + 1 < int64_t(ids.size()) && ids[p + 1] != LINE && places[p + 1] < end) choose(next, p + 1);
            ++trained;
            const int B = neighbours(p);
            if (B) learn(B, places[p]);
        }
    }

    template <int ROWS>
    void dots(const float* x, const float* y, float* z) {
        lanes a[ROWS][TILE] = {};
        for (int64_t c = 0; c < S; c += LANES) {
            lanes v[TILE];
            for (int m = 0; m < TILE; ++m) v[m] = *(const lanes*)(y + m * S + c);
            for (int b = 0; b < ROWS; ++b) {
                const lanes u = *(const lanes*)(x + b * S + c);
                for (int m = 0; m < TILE; ++m) a[b][m] += u * v[m];
            }
        }
        for (int b = 0; b < ROWS; ++b)
            for (int m = 0; m < TILE; ++m) z[b * most + m] = sum(a[b][m]);
    }

    // X += G Y and Y += Gᵀ X for one tile of outputs, a slice of the columns at a time.
    void update(int rows, float* const* into, int tile, int count) {
        float unused[LANES];
        for (int64_t c = 0; c < S; c += LANES) {
            lanes y[TILE], δy[TILE] = {};
            for (int m = 0; m < TILE; ++m) y[m] = *(const lanes*)(Y + (tile + m) * S + c);
            for (int b = 0; b < rows; ++b) {
                const float* g = G + b * most + tile;
                const lanes x = *(const lanes*)(X + b * S + c);
                lanes δx = {};
                for (int m = 0; m < TILE; ++m) { δx += g[m] * y[m]; δy[m] += g[m] * x; }
                *(lanes*)(into[b] + c) += δx;
            }
            for (int m = 0; m < TILE; ++m) {
                float* o = m < count ? now.rows[tile + m] + c : unused;
                *(lanes*)o += δy[m];
            }
        }
    }

    void learn(int B, int64_t place) {
        const int M = now.count, padded = (M + TILE - 1) / TILE * TILE;
        int rows = B;
        float* const* into = inputs.data();
        if (job.cbow) {
            rows = 1;
            into = &shift;
            std::memset(X, 0, S * sizeof(float)); std::memset(shift, 0, S * sizeof(float));
            const float share = 1.0f / float(B);
            for (int b = 0; b < B; ++b)
                for (int64_t c = 0; c < S; c += LANES) *(lanes*)(X + c) += *(const lanes*)(inputs[b] + c);
            for (int64_t c = 0; c < S; c += LANES) *(lanes*)(X + c) *= share;
        } else {
            for (int b = 0; b < B; ++b) std::memcpy(X + b * S, inputs[b], S * sizeof(float));
        }
        for (int m = 0; m < M; ++m) std::memcpy(Y + m * S, now.rows[m], S * sizeof(float));
        std::memset(Y + M * S, 0, (padded - M) * S * sizeof(float));
        for (int tile = 0; tile < padded; tile += TILE) {
            int b = 0;
            for (; b + 2 <= rows; b += 2) dots<2>(X + b * S, Y + tile * S, Z + b * most + tile);
            if (b < rows) dots<1>(X + b * S, Y + tile * S, Z + b * most + tile);
        }
        const double part = (job.done + double(place)) / job.total;
        step(rows, M, padded, float(job.lr * std::max(job.least, 1.0 - part)));
        if (place % LOOK == 0) look(rows, M);
        for (int tile = 0; tile < padded; tile += TILE) update(rows, into, tile, std::min(TILE, M - tile));
        if (job.cbow) {
            const float share = 1.0f / float(B);
            for (int b = 0; b < B; ++b)
                for (int64_t c = 0; c < S; c += LANES) *(lanes*)(inputs[b] + c) += share * *(const lanes*)(shift + c);
        }
    }

    // G = lr (label − σ(Z)), nothing for what only fills a tile.
    void step(int rows, int M, int padded, float lr) {
        for (int64_t i = 0; i < rows * most; i += LANES) *(lanes*)(G + i) = sigmoid(*(const lanes*)(Z + i));
        for (int b = 0; b < rows; ++b) {
            float* g = G + b * most;
            for (int m = 0; m < M; ++m) g[m] = lr * (now.labels[m] - g[m]);
            for (int m = M; m < padded; ++m) g[m] = 0.0f;
        }
    }

    void look(int rows, int M) {
        for (int b = 0; b < rows; ++b)
            for (int m = 0; m < M; ++m) {
                const double z = now.labels[m] > 0 ? Z[b * most + m] : -Z[b * most + m];
                loss += z > 0 ? std::log1p(std::exp(-z)) : std::log1p(std::exp(z)) - z;
            }
        pairs += rows;
    }
};

extern "C" void train(Job* job) {
    const int64_t length = job->end - job->begin;
    std::atomic<int64_t> taken{0};
    std::vector<Worker> workers;
    workers.reserve(job->threads);
    for (int64_t t = 0; t < job->threads; ++t) workers.emplace_back(*job);
    auto work = [&](Worker& worker) {
        for (int64_t at; (at = taken.fetch_add(job->block)) < length;)
            worker.block(job->begin + at, job->begin + std::min(at + job->block, length));
    };
    std::vector<std::thread> others;
    for (size_t t = 1; t < workers.size(); ++t) others.emplace_back(work, std::ref(workers[t]));
    work(workers[0]);
    for (std::thread& other : others) other.join();
    job->loss = 0; job->pairs = 0; job->trained = 0;
    for (Worker& w : workers) { job->loss += w.loss; job->pairs += w.pairs; job->trained += w.trained; }
}
