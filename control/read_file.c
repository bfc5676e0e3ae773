/* SPDX-License-Identifier: Apache-2.0 */
#include "control/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int rp_read_file(const char *path, size_t bytes_max, uint8_t **ret_text, size_t *ret_bytes,
		 struct rp_diag *reterr)
{
	struct stat st;
	uint8_t *text;
	size_t at = 0;
	ssize_t n;
	int fd;

	if (reterr != NULL)
		snprintf(reterr->file, sizeof(reterr->file), "%s", path);
	/* Non-blocking, so that a FIFO is not waited for. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		int err = -errno;

		return rp_diag_set(reterr, err, 0, 0, "cannot be opened: %s", rp_err_text(err));
	}
	/* A FIFO without a writer reads as empty, which for a configuration means the default. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return rp_diag_set(reterr, RP_EFORMAT, 0, 0, "is not a regular file");
	}
	text = malloc(bytes_max + 1); /* one more, to notice a file that is too large */
	if (text == NULL) {
		close(fd);
		return rp_diag_set(reterr, -ENOMEM, 0, 0, "out of memory");
	}
	do {
		n = read(fd, text + at, bytes_max + 1 - at);
		if (n > 0)
			at += (size_t)n;
	} while ((n > 0 && at <= bytes_max) || (n < 0 && errno == EINTR));
	if (n < 0 || at > bytes_max) {
		int err = n < 0 ? -errno : RP_ETOOBIG;

		close(fd);
		free(text);
		if (err == RP_ETOOBIG)
			return rp_diag_set(reterr, err, 0, 0, "is larger than %zu bytes",
					   bytes_max);
		return rp_diag_set(reterr, err, 0, 0, "cannot be read: %s", rp_err_text(err));
	}
	close(fd);
	*ret_text = text;
	*ret_bytes = at;
	return RP_OK;
}
