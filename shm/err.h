/* SPDX-License-Identifier: Apache-2.0
 *
 * Error codes of every room. A fallible function returns RP_OK or a negative value: -errno for
 * system errors, or one of the RP_E… below, which start under every errno.
 *
 * Text for people is made only at configuration edges, in a struct rp_diag.
 */
#ifndef RP_SHM_ERR_H
#define RP_SHM_ERR_H

#include "shm/base.h"

#define RP_OK 0

/* name, text */
#define RP_ERRORS(X)                                                                               \
	X(RP_EAGAIN, "more input is needed, or try again later")                                   \
	X(RP_EPROTO, "the peer broke the protocol")                                                \
	X(RP_ETOOBIG, "a bound of shm/limits.h was reached")                                       \
	X(RP_EFORMAT, "malformed input")                                                           \
	X(RP_ENOTFOUND, "not found")                                                               \
	X(RP_EEXIST, "exists already")                                                             \
	X(RP_ENOMEM, "out of pool memory")                                                         \
	X(RP_EMISMATCH, "the segment belongs to another build")                                    \
	X(RP_ECONFIG, "invalid configuration")                                                     \
	X(RP_EUNSUPPORTED, "not supported by this build")                                          \
	X(RP_ECLOSED, "closed by the peer")

enum rp_err {
	RP_ERR_BASE = -10000,
#define RP_ERR_ENUM(name, text) name,
	RP_ERRORS(RP_ERR_ENUM)
#undef RP_ERR_ENUM
};

/** Text of an error code or of -errno. A static or thread-local string; never NULL. */
const char *rp_err_text(int err);

enum { RP_DIAG_FILE_MAX = 256, RP_DIAG_MESSAGE_MAX = 1024 };

/** Where and why a configuration was refused. Line and column count from 1; 0: unknown. */
struct rp_diag {
	char file[RP_DIAG_FILE_MAX];
	uint32_t line;
	uint32_t column;
	char message[RP_DIAG_MESSAGE_MAX];
};

/** Fill *diag (may be NULL) and return err, so that a caller can write `return rp_diag_set(…)`. */
int rp_diag_set(struct rp_diag *diag, int err, uint32_t line, uint32_t column, const char *format,
		...) RP_PRINTF(5, 6);

/** "file:line:column: message" (parts that are unknown left out) into out, always terminated. */
void rp_diag_format(const struct rp_diag *diag, char *out, size_t out_bytes);

#endif /* RP_SHM_ERR_H */
