// bigseg.hpp: flags and segments.
#include "check.h"

#include <bigseg.hpp>

#include <string_view>

namespace {

constexpr std::string_view DATA = R"({
    "segments": {"s": {"key": "s", "version": 1, "included": ["alice"]}},
    "flags": {
        "switch": {"key": "switch", "version": 1, "on": true, "variations": [false, true], "fallthrough": {"variation": 1}},
        "text": {"key": "text", "version": 1, "on": false, "offVariation": 0, "variations": ["off"]},
        "number": {"key": "number", "version": 1, "on": false, "offVariation": 0, "variations": [2.5]}
    }
})";

} // namespace

int main() {
    const bigseg::engine engine("memory:");
    engine.set_data(DATA);
    const bigseg::context alice(R"({"kind": "user", "key": "alice"})");
    CHECK(engine.segment_contains("s", alice));
    CHECK(!engine.segment_contains("s", bigseg::context(R"({"kind": "user", "key": "bob"})")));
    CHECK(engine.evaluate("switch", alice).value_or(false));
    CHECK(engine.evaluate("switch", alice).variation() == 1);
    const bigseg::evaluation text = engine.evaluate("text", alice);
    CHECK(text.value_or("other") == "off" && text.value() == "\"off\"" && text.value_or(true));
    CHECK(text.reason().kind == BIGSEG_REASON_OFF);
    CHECK(engine.evaluate("number", alice).value_or(0.0) == 2.5);
    const bigseg::evaluation missing = engine.evaluate("missing", alice);
    CHECK(missing.variation() == -1 && missing.value().empty() && missing.value_or("other") == "other");
    CHECK(missing.reason().error == BIGSEG_EVALUATION_FLAG_NOT_FOUND);
    try {
        const bigseg::context wrong("[]");
        CHECK(!"read");
    } catch (const bigseg::error &e) {
        CHECK(e.code() == BIGSEG_INVALID_ARGUMENT);
    }
    return 0;
}
