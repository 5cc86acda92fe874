// The header can be included first, alone and twice, and its structs have the documented layout.
#include <bigseg.h>
#include <bigseg.h>

#define ASSERT(name, condition) typedef char name[(condition) ? 1 : -1]

ASSERT(enums_are_32_bits_wide, sizeof(bigseg_code) == 4 && sizeof(bigseg_lookup_status) == 4);
ASSERT(hash_is_its_text, sizeof(bigseg_context_hash) == 44);
ASSERT(text_is_two_words, sizeof(bigseg_str) == 2 * sizeof(size_t) && offsetof(bigseg_str, length) == sizeof(size_t));
ASSERT(vtable_is_three_words, sizeof(bigseg_store_vtable) == 3 * sizeof(size_t));
#if SIZE_MAX == UINT64_MAX
ASSERT(lookup_is_40_bytes, sizeof(bigseg_lookup) == 40 && offsetof(bigseg_lookup, age_ms) == 24);
ASSERT(metrics_are_136_bytes, sizeof(bigseg_metrics) == 136 && offsetof(bigseg_metrics, circuit_open) == 112);
ASSERT(report_is_32_bytes, sizeof(bigseg_import_report) == 32 && offsetof(bigseg_import_report, replaced) == 24);
#endif

int main(void) { return bigseg_abi_version() == BIGSEG_ABI_VERSION ? 0 : 1; }
