// The header is valid C++, and its names do not clash with those of bigseg.hpp.
#include <bigseg.h>
#include <bigseg.h>
#include <bigseg.hpp>
#include <bigseg.hpp>

static_assert(sizeof(bigseg_code) == 4 && sizeof(bigseg_lookup) == 40, "laid out as in C");

int main() {
    const bigseg_str text = BIGSEG_STR("literal");
    const bigseg_lookup_status status = BIGSEG_LOOKUP_STALE;
    return text.length == 7 && bigseg_lookup_status_name(status).length == 5 ? 0 : 1;
}
