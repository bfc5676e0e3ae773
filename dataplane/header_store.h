/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a request's headers: those that decide something, the control headers that a
 * client must not smuggle to a model server, and with --echo-headers the rest. (ext_proc
 * reference 4.4)
 */
#ifndef RP_DATAPLANE_HEADER_STORE_H
#define RP_DATAPLANE_HEADER_STORE_H

#include "dataplane/director.h"
#include "dataplane/ext_proc_codec.h"

/* All strings are copies in the exchange's arena, names lower-cased. */
struct rp_header_store {
	struct rp_request_headers known;
	struct rp_bytes *remove; /* names for remove_headers */
	uint32_t remove_count;
	struct rp_header *echo; /* not system-owned ones, the last of equal names */
	uint32_t echo_count;
	bool has_request_id; /* the client sent one */
};

/**
 * Fill the store from an encoded HeaderMap.
 *
 * @param config  names the headers that its plugins read; NULL: none
 * @param has_echo  keep all headers that are not system-owned
 * @return RP_OK; RP_EFORMAT; RP_ETOOBIG: more than RP_HTTP_HEADERS_MAX fields or
 *         RP_HTTP_HEADER_BYTES_MAX bytes of names and values; RP_ENOMEM
 */
RP_MUST_CHECK int rp_header_store_fill(struct rp_header_store *store, struct rp_arena *arena,
				       struct rp_bytes header_map,
				       const struct rp_config_blob *config, bool has_echo);

/**
 * Headers of a map that are not system-owned, names lower-cased, the last of equal names.
 * @return as rp_header_store_fill()
 */
RP_MUST_CHECK int rp_header_store_echo(struct rp_arena *arena, struct rp_bytes header_map,
				       struct rp_header **ret_headers, uint32_t *ret_count);

#endif /* RP_DATAPLANE_HEADER_STORE_H */
