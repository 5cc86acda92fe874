// A program of a user's in C++, built against the installed library.
#include <bigseg.hpp>

#include <iostream>

int main() {
    try {
        const bigseg::engine engine("memory:");
        const bigseg::membership membership = engine.membership("user-key");
        // The store is empty.
        return membership.status() == BIGSEG_LOOKUP_STALE && membership.check("beta.g3") == BIGSEG_MEMBERSHIP_NO_VALUE ? 0 : 1;
    } catch (const bigseg::error &e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
