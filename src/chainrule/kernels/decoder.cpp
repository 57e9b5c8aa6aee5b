// Translating by a Transformer on the processor: sentences are read, a word more is said of hypotheses, and a greedy
// search is followed to its end.
//
// Threads share the rows, and the words where rows are few; what is said depends on neither.

#include <atomic>
#include <numeric>
#include <thread>

#include "transformer.h"

constexpr int64_t GROUP = 192;           // rows of the encoder at once

// The mirror of the class in kernels/decoder.py.
struct Greedy {
    const int64_t* first; const float* positions;                // [N]; [longest, D]
    int64_t longest, end;                                        // words at most; what ends a sentence
    const int64_t* never; int64_t nevers;                        // what is not said
    int64_t *words, *lengths;                                    // [N, longest]; how many, the end among them
    double* totals;                                              // log-probabilities; NaN: there was nothing to say
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

// The likeliest words behind those of some rows.
static void ahead(const Side* side, const Matrix* out, const Sources* s, const Job* job, int64_t threads) {
    int64_t longest = 0;
    for (int64_t i = 0; i < s->sentences; ++i) longest = std::max(longest, s->begins[i + 1] - s->begins[i]);
    std::vector<float> y(job->rows * side->width);
    Scores scores(*out, job->rows, job->best);
    const int64_t tiles = (job->rows + ROWS - 1) / ROWS, many = std::min(threads, tiles);
    const int64_t parts = many < threads ? std::min(threads / many, scores.chunks) : 1;  // of words, where rows are few
    std::vector<std::vector<Found>> found(parts, std::vector<Found>(job->rows, Found(job->best)));
    auto first = [&](int64_t t) { return std::min(tiles * t / many * ROWS, job->rows); };
    auto words = [&](int64_t t, int64_t part) {
        const int64_t from = scores.chunks * part / parts, to = scores.chunks * (part + 1) / parts;
        scores.look(y.data(), first(t), first(t + 1), from, to, found[part].data());
    };
    share(many, [&](int64_t t) {
        Said(*side, *s, *job, first(t), first(t + 1), longest).run(&y[first(t) * side->width]);
        if (parts == 1) words(t, 0);
    });
    if (parts > 1) share(many * parts, [&](int64_t i) { words(i / parts, i % parts); });
    for (int64_t r = 0; r < job->rows; ++r) {
        Found& all = found[0][r];
        for (int64_t part = 1; part < parts; ++part)
            for (int64_t i = 0; i < job->best; ++i) all.take(found[part][r].scores[i], found[part][r].words[i]);
        const double log_total = scores.log_total(r);
        for (int64_t i = 0; i < job->best; ++i) {
            job->values[r * job->best + i] = float(double(all.scores[i]) - log_total);
            job->words[r * job->best + i] = all.words[i];
        }
    }
}

extern "C" void step(const Side* side, const Matrix* out, const Sources* s, const Job* job, int64_t threads) {
    ahead(side, out, s, job, threads);  // a call of step itself may find that of the C library
}

// The likeliest word of each sentence, and the next, up to its end; who has ended leaves the rows.
extern "C" void greedy(const Side* side, const Matrix* out, const Sources* s, const Greedy* g, int64_t threads) {
    const int64_t best = std::min(g->nevers + 1, out->out);
    std::vector<int64_t> tokens(g->first, g->first + s->sentences), sizes;
    std::vector<int32_t> sentence(s->sentences), path;
    std::vector<std::vector<float>> steps;
    std::vector<float*> kept;
    std::iota(sentence.begin(), sentence.end(), 0);
    for (int64_t t = 0; t < g->longest && !sentence.empty(); ++t) {
        const int64_t rows = int64_t(sentence.size());
        std::vector<float> values(rows * best);
        std::vector<int64_t> words(rows * best);
        kept.push_back(steps.emplace_back(side->depth * rows * 2 * side->width).data());
        sizes.push_back(rows);
        const Job job{tokens.data(), g->positions + t * side->width, rows, t, path.data(), kept.data(), sizes.data(),
                      sentence.data(), best, values.data(), words.data()};
        ahead(side, out, s, &job, threads);
        std::vector<int32_t> on, went;
        tokens.clear();
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t *own = &words[r * best], i = sentence[r];
            const int64_t* said = std::find_if(own, own + best, [&](int64_t word) {
                return std::find(g->never, g->never + g->nevers, word) == g->never + g->nevers;
            });
            const float value = said < own + best ? values[said - words.data()] : NEVER;
            g->totals[i] = value > NEVER ? g->totals[i] + value : std::nan("");
            if (std::isnan(g->totals[i])) continue;
            g->words[i * g->longest + g->lengths[i]++] = *said;
            if (*said == g->end) continue;
            on.push_back(int32_t(i));
            tokens.push_back(*said);
            went.insert(went.end(), path.begin() + r * t, path.begin() + (r + 1) * t);
            went.push_back(int32_t(r));
        }
        sentence.swap(on);
        path.swap(went);
    }
}
