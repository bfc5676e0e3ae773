/* SPDX-License-Identifier: Apache-2.0
 *
 * A small file as one heap block.
 */
#ifndef RP_CONTROL_READ_FILE_H
#define RP_CONTROL_READ_FILE_H

#include "shm/bytes.h"

/**
 * Read a whole file, of at most bytes_max bytes.
 *
 * @param[out] ret_text  heap, free() it later; not NULL even when empty
 * @return RP_OK; RP_ETOOBIG; -errno. *reterr gets the file name and a sentence
 */
RP_MUST_CHECK int rp_read_file(const char *path, size_t bytes_max, uint8_t **ret_text,
			       size_t *ret_bytes, struct rp_diag *reterr);

#endif /* RP_CONTROL_READ_FILE_H */
