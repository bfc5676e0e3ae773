/* SPDX-License-Identifier: Apache-2.0
 *
 * A command line, an argument a line, is refused with a message or gives settings in their bounds.
 */
#include <stdlib.h>

#include "config/flags.h"
#include "shm/limits.h"
#include "tests/fuzz/fuzz.h"

enum { ARGS_MAX = 24 };

static void on_warning(const char *text)
{
	RP_ASSERT(text[0] != '\0');
}

static char *text_of(struct rp_bytes line)
{
	char *text = malloc(line.len + 1);

	RP_ASSERT(text != NULL);
	rp_bytes_to_str(line, text, line.len + 1);
	return text;
}

static void check_settings(const struct rp_flags *flags)
{
	struct rp_settings settings = {0};
	struct rp_diag diag = {0};

	if (rp_flags_to_settings(flags, &settings, &diag) != RP_OK) {
		RP_ASSERT(diag.message[0] != '\0');
		return;
	}
	RP_ASSERT(settings.worker_count >= 1 && settings.worker_count <= RP_WORKERS_MAX);
	RP_ASSERT(settings.endpoints_max >= 1 && settings.endpoints_max <= RP_ENDPOINTS_MAX);
	RP_ASSERT(settings.metric_series_max <= RP_METRIC_SERIES_MAX);
	RP_ASSERT(settings.body_bytes_max <= RP_MESSAGE_BYTES_CEILING);
	RP_ASSERT(settings.recv_message_max <= RP_MESSAGE_BYTES_CEILING);
	RP_ASSERT(settings.prefix_index_bytes <= RP_PREFIX_INDEX_BYTES_CEILING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rp_flags flags;
	struct rp_bytes in = rp_bytes(data, size);
	char *argv[ARGS_MAX + 2] = {text_of(RP_BYTES_LIT("ringpick"))};
	struct rp_diag diag = {0};
	int argc = 1, err;

	while (in.len > 0 && argc <= ARGS_MAX)
		argv[argc++] = text_of(fuzz_line(&in));
	err = rp_flags_parse(argc, argv, on_warning, &flags, &diag);
	if (err != RP_OK) {
		RP_ASSERT(err == RP_EFORMAT || err == RP_ECONFIG);
		RP_ASSERT(diag.message[0] != '\0');
	} else if (!flags.has_help && !flags.has_version) {
		check_settings(&flags);
	}
	while (argc > 0)
		free(argv[--argc]);
	return 0;
}
