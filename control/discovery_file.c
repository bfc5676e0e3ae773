/* SPDX-License-Identifier: Apache-2.0 */
#include "control/discovery_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/file_watch.h"
#include "control/read_file.h"
#include "shm/clock.h"
#include "shm/log.h"

#define LOGGER "discovery"

enum { QUIET_MS = 100 };

struct rp_discovery_file {
	struct rp_control *control;
	rp_discovery_fn *on_set;
	struct rp_file_watch files;
	char path[1024];
};

/* Read and parse. @return as rp_discovery_file_parse(), and errors of reading */
static int read_set(const struct rp_discovery_file *d, struct rp_endpoint_set *ret_set,
		    size_t *ret_refused, struct rp_diag *reterr)
{
	uint8_t *text = NULL;
	size_t text_bytes = 0;
	int err = rp_read_file(d->path, RP_ENDPOINTS_FILE_BYTES_MAX, &text, &text_bytes, reterr);

	if (err != RP_OK)
		return err;
	err = rp_discovery_file_parse(d->path, rp_bytes(text, text_bytes),
				      d->control->settings->endpoints_max, ret_set, ret_refused,
				      reterr);
	free(text);
	return err;
}

static void reload(struct rp_discovery_file *d)
{
	struct rp_endpoint_set set = {0};
	struct rp_diag diag = {0};
	char text[RP_DIAG_FILE_MAX + RP_DIAG_MESSAGE_MAX + 64];
	size_t refused = 0;
	int err = read_set(d, &set, &refused, &diag);

	rp_diag_format(&diag, text, sizeof(text));
	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, LOGGER,
		       "The endpoints file is refused: the endpoints stay as they are",
		       RP_F_TEXT("error", text));
		return;
	}
	if (refused != 0)
		RP_LOG(RP_LOG_ERROR, LOGGER, "Entries of the endpoints file are left out",
		       RP_F_TEXT("error", text), RP_F_INT("refused", refused));
	RP_LOG(RP_V2, LOGGER, "Endpoints file read", RP_F_TEXT("path", d->path),
	       RP_F_INT("endpoints", set.count));
	d->on_set(d->control, &set);
	rp_endpoint_set_fini(&set);
}

static void on_change(void *user)
{
	reload(user);
}

static int first_load(struct rp_discovery_file *d, struct rp_diag *reterr)
{
	struct rp_endpoint_set set = {0};
	size_t refused = 0;
	int err = read_set(d, &set, &refused, reterr);

	if (err == RP_OK && refused != 0)
		err = RP_EFORMAT;
	if (err == RP_OK)
		d->on_set(d->control, &set);
	rp_endpoint_set_fini(&set);
	return err;
}

int rp_discovery_file_new(struct rp_control *control, const char *path, bool is_watched,
			  bool is_strict, rp_discovery_fn *on_set,
			  struct rp_discovery_file **ret_discovery, struct rp_diag *reterr)
{
	struct rp_discovery_file *d = calloc(1, sizeof(*d));
	const char *paths[1] = {path};
	int err = RP_OK;

	if (d == NULL)
		return rp_diag_set(reterr, -ENOMEM, 0, 0, "out of memory");
	d->control = control;
	d->on_set = on_set;
	if ((size_t)snprintf(d->path, sizeof(d->path), "%s", path) >= sizeof(d->path))
		err = rp_diag_set(reterr, RP_ETOOBIG, 0, 0, "the file's path is too long");
	if (err == RP_OK && is_watched) {
		err = rp_file_watch_start(&d->files, control->loop, paths, 1,
					  QUIET_MS * RP_NS_PER_MS, on_change, d);
		if (err != RP_OK)
			(void)rp_diag_set(reterr, err, 0, 0, "cannot watch %s: %s", path,
					  rp_err_text(err));
	}
	if (err == RP_OK && is_strict)
		err = first_load(d, reterr);
	else if (err == RP_OK)
		reload(d);
	if (err != RP_OK) {
		rp_discovery_file_free(d);
		return err;
	}
	*ret_discovery = d;
	return RP_OK;
}

void rp_discovery_file_free(struct rp_discovery_file *d)
{
	if (d == NULL)
		return;
	rp_file_watch_stop(&d->files);
	free(d);
}
