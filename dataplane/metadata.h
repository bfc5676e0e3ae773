/* SPDX-License-Identifier: Apache-2.0
 *
 * Values in an encoded config.core.v3.Metadata, and the endpoint that a gateway says has served
 * (ext_proc reference 5).
 */
#ifndef RP_DATAPLANE_METADATA_H
#define RP_DATAPLANE_METADATA_H

#include "dataplane/pb_wire.h"

/**
 * Find filter_metadata[name_space][key].
 *
 * @param[out] ret_value  encoded google.protobuf.Value, a view
 * @return RP_OK; RP_ENOTFOUND: no such key; RP_EFORMAT
 */
RP_MUST_CHECK int rp_metadata_find(struct rp_bytes metadata, const char *name_space,
				   const char *key, struct rp_bytes *ret_value);

/**
 * What of the oneof `kind` a google.protobuf.Value holds: the last member wins.
 *
 * @param[out] ret_kind   field number, 0: none
 * @param[out] ret_bytes  of a string or message, a view
 * @return RP_OK or RP_EFORMAT
 */
RP_MUST_CHECK int rp_metadata_value(struct rp_bytes value, uint32_t *ret_kind,
				    struct rp_bytes *ret_bytes);

/** "ip:port" of the endpoint that served, or a text that begins with "fail: ". A view. */
struct rp_bytes rp_metadata_served(struct rp_bytes metadata);

#endif /* RP_DATAPLANE_METADATA_H */
