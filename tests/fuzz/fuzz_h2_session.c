/* SPDX-License-Identifier: Apache-2.0
 *
 * First byte: what came before. Then bytes of a gateway's connection: whatever they are, whole
 * frames come out and nothing is left behind.
 */
#include "shm/clock.h"
#include "tests/fuzz/h2_bed.h"

enum { HAS_CALL = 1, IS_HEALTH = 2, HAS_NO_PREFACE = 4, HAS_SHUTDOWN = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size), piece;
	uint8_t how = size > 0 ? data[0] : 0;
	struct world_options options;
	struct fuzz_cuts cuts;
	struct h2_bed *bed;

	cuts = fuzz_cuts(rp_bytes_slice(in, 1, SIZE_MAX));
	world_options_default(&options);
	options.settings.streams_max = 4;
	options.settings.body_bytes_max = 200;
	bed = h2_bed_begin(&options, (how & IS_HEALTH) != 0);
	if ((how & HAS_NO_PREFACE) == 0)
		h2_bed_open(bed, (how & HAS_CALL) != 0);
	while (!bed->is_over && fuzz_next(&cuts, &piece)) {
		h2_bed_feed(bed, piece);
		if (fuzz_below(&cuts, 4) == 0)
			h2_bed_turn(bed, RP_NS_PER_MS);
		if ((how & HAS_SHUTDOWN) != 0 && fuzz_below(&cuts, 8) == 0)
			rp_h2_session_shutdown(bed->session);
	}
	h2_bed_end(bed);
	return 0;
}
