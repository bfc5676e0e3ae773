/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 with the standard alphabet and padding (RFC 4648, section 4).
 */
#ifndef RP_DATAPLANE_BASE64_H
#define RP_DATAPLANE_BASE64_H

#include "shm/bytes.h"

/** Bytes of the text that so many bytes make. */
static inline size_t rp_base64_bytes(size_t bytes)
{
	return (bytes + 2) / 3 * 4;
}

/** Append to a writer. */
void rp_base64_write(struct rp_writer *writer, struct rp_bytes in);

/**
 * Append what a text stands for. As Go's decoder does, line breaks are passed over and unused bits
 * of the last character are not looked at.
 * @return RP_OK; RP_EFORMAT: it is none; RP_ETOOBIG: the writer is full
 */
RP_MUST_CHECK int rp_base64_read(struct rp_writer *writer, struct rp_bytes text);

#endif /* RP_DATAPLANE_BASE64_H */
