/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer and the few writers that answers need. The first allocation that fails sets
 * is_failed and later appends do nothing: the connection checks once, before it sends.
 */
#ifndef RP_PERF_SIM_BUF_H
#define RP_PERF_SIM_BUF_H

#include "shm/bytes.h"

struct rp_sim_buf {
	uint8_t *data; /* heap, owned */
	size_t len;
	size_t cap;
	bool is_failed;
};

/** Make room for `more` bytes behind len. False, and is_failed set, without memory. */
bool rp_sim_buf_reserve(struct rp_sim_buf *buf, size_t more);
/** Free the storage; *buf is empty and usable afterwards. */
void rp_sim_buf_fini(struct rp_sim_buf *buf);
/** Empty the buffer; storage above RP_SIM_KEEP_BYTES_MAX is freed. */
void rp_sim_buf_reset(struct rp_sim_buf *buf);
/** Remove the first `bytes` (at most len) bytes. */
void rp_sim_buf_drop(struct rp_sim_buf *buf, size_t bytes);

void rp_sim_buf_add(struct rp_sim_buf *buf, const void *data, size_t bytes);
void rp_sim_buf_add_str(struct rp_sim_buf *buf, const char *text);
void rp_sim_buf_add_u64(struct rp_sim_buf *buf, uint64_t value);
/** The shortest decimal form that reads back as the same double. */
void rp_sim_buf_add_double(struct rp_sim_buf *buf, double value);
/** JSON string contents, without quotes; `<`, `>` and `&` escaped as Go's encoder does. */
void rp_sim_buf_add_json(struct rp_sim_buf *buf, struct rp_bytes text);
/** The same with quotes. */
void rp_sim_buf_add_json_str(struct rp_sim_buf *buf, struct rp_bytes text);

#define RP_SIM_BUF_LIT(buf, literal) rp_sim_buf_add(buf, literal, sizeof(literal) - 1)

static inline struct rp_bytes rp_sim_buf_bytes(const struct rp_sim_buf *buf)
{
	return rp_bytes(buf->data, buf->len);
}

#endif /* RP_PERF_SIM_BUF_H */
