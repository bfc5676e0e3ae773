/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "control/file_watch.h"
#include "control/publisher.h"
#include "shm/clock.h"
#include "shm/log.h"

enum { QUIET_MS = 100 };

struct rp_config_watch {
	struct rp_control *control;
	rp_config_watch_fn *on_config;
	struct rp_file_watch files;
	struct rp_loaded_config loaded;
};

/* An empty file means the built-in configuration at the start; later, somebody is about to write
 * it.
 */
static bool is_empty(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size == 0;
}

static void on_change(void *user)
{
	struct rp_config_watch *watch = user;
	struct rp_control *control = watch->control;
	const char *file = control->flags.config_file;
	struct rp_diag diag = {0};
	char text[RP_DIAG_FILE_MAX + RP_DIAG_MESSAGE_MAX + 64];
	int err;

	if (is_empty(file)) {
		snprintf(diag.file, sizeof(diag.file), "%s", file);
		err = rp_diag_set(&diag, RP_ECONFIG, 0, 0, "has become empty");
	} else {
		err = rp_config_source_load(&control->flags,
					    rp_publisher_next_config_generation(control->publisher),
					    &watch->loaded, &diag);
	}
	if (err != RP_OK) {
		rp_diag_format(&diag, text, sizeof(text));
		RP_LOG(RP_LOG_ERROR, "setup",
		       "The configuration file is refused: the configuration stays as it is",
		       RP_F_TEXT("error", text));
		return;
	}
	RP_LOG(RP_V0, "setup", "Configuration file read again", RP_F_TEXT("file", file));
	watch->on_config(control, &watch->loaded);
}

int rp_config_watch_new(struct rp_control *control, rp_config_watch_fn *on_config,
			struct rp_config_watch **ret_watch)
{
	const char *path[1] = {control->flags.config_file};
	struct rp_config_watch *watch;
	int err;

	*ret_watch = NULL;
	if (path[0][0] == '\0')
		return RP_OK;
	watch = calloc(1, sizeof(*watch));
	if (watch == NULL)
		return -ENOMEM;
	watch->control = control;
	watch->on_config = on_config;
	err = rp_file_watch_start(&watch->files, control->loop, path, 1, QUIET_MS * RP_NS_PER_MS,
				  on_change, watch);
	if (err != RP_OK) {
		rp_config_watch_free(watch);
		return err;
	}
	*ret_watch = watch;
	return RP_OK;
}

void rp_config_watch_free(struct rp_config_watch *watch)
{
	if (watch == NULL)
		return;
	rp_file_watch_stop(&watch->files);
	free(watch);
}
