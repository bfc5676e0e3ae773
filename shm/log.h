/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: one JSON object each with zap's keys (level, ts, logger, caller, msg, then fields), on
 * standard error. Supervisor and control write them at once; a worker packs a record and pushes it
 * on its ring, from which control formats it. Never log bodies, prompts, tokens or Authorization
 * headers.
 *
 * An error is written at most RP_LOG_ERRORS_PER_SECOND times a second and call site; the next line
 * of that site tells in "dropped" how many were held back.
 *
 * Verbosity as upstream (operations reference 6): V0 to V3 print as "info", V4 as "debug", V5 as
 * "trace"; --v N shows everything with V <= N. Errors are always shown.
 */
#ifndef RP_SHM_LOG_H
#define RP_SHM_LOG_H

#include "shm/bytes.h"
#include "shm/spsc_ring.h"

enum rp_log_kind { RP_LOG_STR, RP_LOG_INT, RP_LOG_NUM, RP_LOG_BOOL };

struct rp_log_field {
	const char *key; /* a literal */
	enum rp_log_kind kind;
	union {
		struct rp_bytes str; /* escaped and cut when written */
		int64_t i;
		double num;
		bool b;
	};
};

#define RP_F_STR(name, bytes)                                                                      \
	((struct rp_log_field){.key = (name), .kind = RP_LOG_STR, .str = (bytes)})
#define RP_F_TEXT(name, text) RP_F_STR(name, rp_bytes_str(text))
#define RP_F_INT(name, value)                                                                      \
	((struct rp_log_field){.key = (name), .kind = RP_LOG_INT, .i = (int64_t)(value)})
#define RP_F_NUM(name, value)                                                                      \
	((struct rp_log_field){.key = (name), .kind = RP_LOG_NUM, .num = (value)})
#define RP_F_BOOL(name, value)                                                                     \
	((struct rp_log_field){.key = (name), .kind = RP_LOG_BOOL, .b = (value)})

enum { RP_LOG_ERROR = -1, RP_V0 = 0, RP_V1, RP_V2, RP_V3, RP_V4, RP_V5, RP_LOG_FIELDS_MAX = 16 };

/** Where this process logs to: its ring (workers), or standard error when ring is NULL. */
void rp_log_init(int verbosity, struct rp_spsc_ring *ring);
void rp_log_set_verbosity(int verbosity);
bool rp_log_is_on(int verbosity);

/** Use the macros. `caller` is "dir/file.c:line". */
void rp_log_write(int verbosity, const char *logger, const char *caller, const char *msg,
		  const struct rp_log_field *fields, size_t field_count);

/** Format one record popped off a worker's ring; bounds-checks it all. Lines are gathered, so that
 * one write takes many: rp_log_flush() is owed. Not in workers. */
void rp_log_write_record(struct rp_bytes record);
void rp_log_flush(void);

#define RP_STRINGIFY_(x) #x
#define RP_STRINGIFY(x)	 RP_STRINGIFY_(x)

/* RP_LOG(RP_V2, "setup", "gRPC server listening", RP_F_TEXT("name", "ext-proc"), RP_F_INT("port",
 * 9002)); */
#define RP_LOG(verbosity, logger, msg, ...)                                                        \
	do {                                                                                       \
		if (rp_log_is_on(verbosity)) {                                                     \
			const struct rp_log_field rp_fields_[] = {__VA_ARGS__};                    \
			rp_log_write(verbosity, logger, __FILE__ ":" RP_STRINGIFY(__LINE__), msg,  \
				     rp_fields_, RP_ARRAY_LEN(rp_fields_));                        \
		}                                                                                  \
	} while (0)

/* A line without fields. */
#define RP_LOG_MSG(verbosity, logger, msg)                                                         \
	do {                                                                                       \
		if (rp_log_is_on(verbosity))                                                       \
			rp_log_write(verbosity, logger, __FILE__ ":" RP_STRINGIFY(__LINE__), msg,  \
				     NULL, 0);                                                     \
	} while (0)

#endif /* RP_SHM_LOG_H */
