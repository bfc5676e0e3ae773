/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of a page are the same however it is cut.
 */
#include "control/prom_parse.h"
#include "tests/fuzz/fuzz.h"

static void on_sample(void *user, const struct rp_prom_sample *sample)
{
	uint64_t *digest = user;

	RP_ASSERT(sample->family < RP_PROM_NAMES_MAX && sample->label_count <= RP_PROM_LABELS_MAX);
	fuzz_mix_u64(digest, sample->family);
	*digest = fuzz_hash(*digest, &sample->value, sizeof(sample->value));
	fuzz_mix_u64(digest, (uint64_t)sample->timestamp_ms);
	for (uint32_t i = 0; i < sample->label_count; i++) {
		fuzz_mix(digest, sample->label[i].name);
		fuzz_mix(digest, sample->label[i].value);
	}
}

static uint64_t read_page(struct rp_prom_parse *parse, const struct rp_prom_names *names,
			  struct fuzz_cuts cuts)
{
	struct rp_bytes piece;
	uint64_t digest = 0;

	rp_prom_parse_begin(parse, names, on_sample, &digest);
	while (fuzz_next(&cuts, &piece))
		RP_ASSERT(rp_prom_parse_feed(parse, piece) == RP_OK);
	fuzz_mix_u64(&digest, (uint64_t)rp_prom_parse_end(parse));
	fuzz_mix_u64(&digest, parse->bad_lines);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const wanted[] = {
		"vllm:num_requests_waiting", "vllm:kv_cache_usage_perc", "vllm:lora_requests_info",
		"vllm:cache_config_info",    "vllm:latency_sum",	 "vllm:latency",
	};
	struct rp_prom_names names = {0};
	struct rp_prom_parse parse;
	struct rp_bytes in = rp_bytes(data, size);
	uint32_t family;
	uint64_t whole;

	for (size_t i = 0; i < RP_ARRAY_LEN(wanted); i++)
		RP_ASSERT(rp_prom_names_add(&names, rp_bytes_str(wanted[i]), &family) == RP_OK);
	rp_prom_names_seal(&names);
	rp_prom_parse_init(&parse);
	whole = read_page(&parse, &names, fuzz_whole(in));
	RP_ASSERT(whole == read_page(&parse, &names, fuzz_cuts(in)));
	rp_prom_parse_fini(&parse);
	return 0;
}
