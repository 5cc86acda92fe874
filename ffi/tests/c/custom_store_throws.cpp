// bigseg.hpp: an exception of a custom store becomes a store error, and wrappers own their handles.
#include <bigseg.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                                    \
        }                                                                                                    \
    } while (0)

namespace {

enum class Mood { answers, throws_error, throws_exception, throws_number, bad_index };

std::atomic<int> destroyed{0};

class Moody : public bigseg::store {
public:
    explicit Moody(Mood mood) : mood_(mood) {}
    ~Moody() override { ++destroyed; }

    void memberships(const bigseg_context_hash *, std::size_t count, bigseg::answers &out) override {
        switch (mood_) {
        case Mood::throws_error:
            throw bigseg::error(BIGSEG_STORE_PERMISSION, "keep out");
        case Mood::throws_exception:
            throw std::runtime_error("connection lost");
        case Mood::throws_number:
            throw 7;
        case Mood::bad_index:
            out.include(count, "beta.g3");
            break;
        case Mood::answers:
            for (std::size_t i = 0; i < count; ++i) {
                out.include(i, "beta.g3");
                out.exclude(i, "gamma.g1");
            }
        }
    }

    std::int64_t synchronized_on() override { return static_cast<std::int64_t>(std::time(nullptr)) * 1000; }

private:
    Mood mood_;
};

bigseg::engine open(Mood mood) {
    bigseg::config config;
    config.set_store(std::make_unique<Moody>(mood));
    return bigseg::engine(config);
}

void answers() {
    const bigseg::engine engine = open(Mood::answers);
    const bigseg::membership membership = engine.membership("user-key");
    const bigseg::membership copy = membership;
    CHECK(copy.status() == BIGSEG_LOOKUP_HEALTHY);
    CHECK(copy.check("beta.g3") == BIGSEG_MEMBERSHIP_INCLUDED);
    CHECK(copy.check("gamma.g1") == BIGSEG_MEMBERSHIP_EXCLUDED);
    engine.invalidate("user-key");
    CHECK(engine.membership("user-key").status() == BIGSEG_LOOKUP_HEALTHY);
    bigseg_metrics metrics{};
    metrics.struct_size = sizeof metrics;
    bigseg::call(bigseg_engine_metrics, static_cast<const bigseg_engine *>(engine.get()), &metrics);
    CHECK(metrics.store_queries == 2);
}

void throws(Mood mood, bigseg_code code, std::string_view words) {
    const bigseg::engine engine = open(mood);
    CHECK(engine.membership("user-key").status() == BIGSEG_LOOKUP_STORE_ERROR);
    bigseg_store_status *status = nullptr;
    bigseg::call(bigseg_engine_status, static_cast<const bigseg_engine *>(engine.get()), &status);
    CHECK(bigseg_store_status_error_code(status) == code);
    CHECK(bigseg::view(bigseg_store_status_error_message(status)).find(words) != std::string_view::npos);
    bigseg_store_status_free(status);
}

void errors_are_exceptions() {
    try {
        bigseg::engine engine("memory");
        CHECK(!"opened");
    } catch (const bigseg::error &e) {
        CHECK(e.code() == BIGSEG_INVALID_CONFIG && !e.retryable());
        CHECK(std::string_view(e.what()).find("scheme") != std::string_view::npos);
    }
    const bigseg::engine engine("memory:");
    engine.close();
    try {
        engine.membership("user-key");
        CHECK(!"answered");
    } catch (const bigseg::error &e) {
        CHECK(e.code() == BIGSEG_CLOSED);
    }
}

} // namespace

int main() {
    answers();
    throws(Mood::throws_error, BIGSEG_STORE_PERMISSION, "keep out");
    throws(Mood::throws_exception, BIGSEG_STORE_UNAVAILABLE, "connection lost");
    throws(Mood::throws_number, BIGSEG_STORE_UNAVAILABLE, "not a std::exception");
    throws(Mood::bad_index, BIGSEG_STORE_DATA, "context 1 of 1");
    CHECK(destroyed == 5);
    errors_are_exceptions();
    return 0;
}
