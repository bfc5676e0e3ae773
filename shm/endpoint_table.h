/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoints of one generation: an immutable array of records in one slot of the tables segment,
 * with their strings in a pool behind it. Control builds it, workers read it; RCU orders the two.
 *
 * A record's index in the table changes from generation to generation. What lasts is the endpoint
 * *slot* with its generation (see endpoint_registry.h): live figures, in-flight counts and the
 * prefix index go by slot. What is said of requests to the pool comes with them.
 */
#ifndef RP_SHM_ENDPOINT_TABLE_H
#define RP_SHM_ENDPOINT_TABLE_H

#include "shm/request_rules.h"

/* A string in the table's pool. */
struct rp_table_str {
	uint32_t offset;
	uint32_t len;
};

struct rp_endpoint {
	uint32_t slot;	     /* endpoint slot: index into everything that lives longer */
	uint32_t generation; /* of the slot */
	uint16_t port;
	uint8_t address_len; /* of `address` */
	uint8_t ip_len;	     /* of the address part without port; brackets of IPv6 included */
	uint32_t rank;	     /* data-parallel rank, 0 for file discovery */
	char address[RP_ENDPOINT_ADDRESS_MAX]; /* "ip:port" or "[ipv6]:port", terminated */
	struct rp_table_str name;	       /* identity: name and namespace */
	struct rp_table_str name_space;
	uint32_t label_first; /* into rp_endpoint_table.label */
	uint32_t label_count;
};

struct rp_endpoint_label {
	struct rp_table_str key;
	struct rp_table_str value;
};

enum { RP_TABLE_LABELS_MAX = 16 * 16384 };

struct rp_endpoint_table {
	uint64_t config_generation; /* the config this table was built against */
	uint64_t table_generation;  /* counts publications of tables, from 1 */
	int64_t event_ns;	    /* when its first change was seen, monotonic; 0: unknown */
	int64_t published_ns;	    /* when it became current */
	struct rp_table_str pool_name;
	struct rp_table_str pool_namespace;
	uint32_t endpoint_count;
	uint32_t label_count;
	uint32_t pool_bytes; /* used of `pool` */
	uint32_t reserved;
	struct rp_endpoint endpoint[RP_ENDPOINTS_MAX];
	struct rp_endpoint_label label[RP_TABLE_LABELS_MAX];
	char pool[RP_TABLE_POOL_BYTES];
	struct rp_request_rules rules;
};

/** Start a new table in a slot that is the caller's (rp_publication_begin_table). Control only. */
void rp_endpoint_table_reset(struct rp_endpoint_table *table);

/** Append a string to the pool. @return RP_OK or RP_ETOOBIG */
RP_MUST_CHECK int rp_endpoint_table_add_str(struct rp_endpoint_table *table, struct rp_bytes text,
					    struct rp_table_str *ret_str);

/**
 * Append an endpoint; labels are added to the last one. Control only.
 * @return RP_OK; RP_ETOOBIG: table, pool or labels are full
 */
RP_MUST_CHECK int rp_endpoint_table_add(struct rp_endpoint_table *table, struct rp_bytes name_space,
					struct rp_bytes name, struct rp_bytes address,
					struct rp_bytes ip, uint16_t port, uint32_t slot,
					uint32_t generation);
RP_MUST_CHECK int rp_endpoint_table_add_label(struct rp_endpoint_table *table, struct rp_bytes key,
					      struct rp_bytes value);

/** View of a pool string; cut to the pool whatever offset and length say. Dies with the generation.
 */
struct rp_bytes rp_endpoint_table_borrow_str(const struct rp_endpoint_table *table,
					     struct rp_table_str str);

/** Value of an endpoint's label. @return false: it has no such label */
bool rp_endpoint_table_find_label(const struct rp_endpoint_table *table, uint32_t table_idx,
				  struct rp_bytes key, struct rp_bytes *ret_value);

static inline struct rp_bytes rp_endpoint_address(const struct rp_endpoint *endpoint)
{
	return rp_bytes(endpoint->address,
			rp_min_size(endpoint->address_len, RP_ENDPOINT_ADDRESS_MAX - 1));
}

static inline struct rp_bytes rp_endpoint_ip(const struct rp_endpoint *endpoint)
{
	return rp_bytes(endpoint->address,
			rp_min_size(endpoint->ip_len, RP_ENDPOINT_ADDRESS_MAX - 1));
}

#endif /* RP_SHM_ENDPOINT_TABLE_H */
