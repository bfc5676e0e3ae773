/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration is refused with a message, or compiles to a blob that workers accept and that is
 * the same each time.
 */
#include <stdlib.h>

#include "config/plugin_params.h"
#include "config/rp_config.h"
#include "tests/fuzz/fuzz.h"

struct result {
	int err;
	struct rp_config_blob *blob;
	struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
	struct rp_config_control control;
	struct rp_diag diag;
};

static void load(struct rp_bytes text, int fill, struct result *result)
{
	if (result->blob == NULL)
		result->blob = malloc(RP_CONFIG_BLOB_BYTES);
	RP_ASSERT(result->blob != NULL);
	memset(result->blob, fill, 4096);
	result->diag = (struct rp_diag){0};
	result->err =
		rp_config_load("epp.yaml", text, fill != 0, 7, result->blob, RP_CONFIG_BLOB_BYTES,
			       result->stats, &result->control, &result->diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result first, second;
	struct rp_bytes text = rp_bytes(data, size);
	char message[RP_DIAG_FILE_MAX + RP_DIAG_MESSAGE_MAX + 64];

	load(text, 0, &first);
	if (first.err != RP_OK) {
		RP_ASSERT(first.err == RP_ECONFIG || first.err == RP_EFORMAT ||
			  first.err == RP_ETOOBIG);
		RP_ASSERT(first.diag.message[0] != '\0');
		RP_ASSERT(strcmp(first.diag.file, "epp.yaml") == 0);
		/* What the bytes are wrong about has a place; what they lack has none. */
		RP_ASSERT(first.err != RP_EFORMAT || first.diag.line >= 1);
		rp_diag_format(&first.diag, message, sizeof(message));
		RP_ASSERT(message[0] != '\0');
		return 0;
	}
	RP_ASSERT(rp_config_blob_check(first.blob, RP_CONFIG_BLOB_BYTES) == RP_OK);
	RP_ASSERT(first.control.warning_count <= RP_CONFIG_WARNINGS_MAX);
	load(text, 0xa5, &second);
	RP_ASSERT(second.err == RP_OK && second.blob->bytes == first.blob->bytes);
	RP_ASSERT(memcmp(first.blob, second.blob, first.blob->bytes) == 0);
	return 0;
}
