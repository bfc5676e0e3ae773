/* SPDX-License-Identifier: Apache-2.0
 *
 * What workers and control must know from the command line: written once by the supervisor into the
 * head of the tables segment, before any other process starts, and read-only from then on. Workers
 * parse no flags.
 */
#ifndef RP_SHM_SETTINGS_H
#define RP_SHM_SETTINGS_H

#include <stdint.h>

enum rp_io_choice { RP_IO_AUTO = 0, RP_IO_URING = 1, RP_IO_EPOLL = 2 };

struct rp_settings {
	uint32_t worker_count;	/* 1..RP_WORKERS_MAX */
	uint32_t io_backend;	/* enum rp_io_choice */
	uint32_t endpoints_max; /* <= RP_ENDPOINTS_MAX */
	uint32_t metric_series_max;
	uint64_t prefix_index_bytes;
	uint64_t body_bytes_max;    /* of one request */
	uint64_t body_memory_bytes; /* of all bodies of one worker */
	uint64_t recv_message_max;  /* gRPC message */
	uint64_t send_message_max;  /* 0: unlimited */
	uint32_t streams_max;	    /* of one worker */
	int32_t verbosity;	    /* --v; -1: errors only */
	uint32_t is_secure;	    /* TLS on the ext_proc port */
	uint32_t has_grpc_stream_metrics;
	uint32_t has_header_echo;      /* --echo-headers */
	uint32_t has_endpoint_scores;  /* --emit-endpoint-scores */
	uint32_t is_subset_filter_off; /* --disable-endpoint-subset-filter */
	uint32_t is_pinned;	       /* worker i runs on the i-th allowed CPU */
	uint32_t grpc_port;
	uint32_t health_port;
	uint32_t metrics_port;
	uint32_t busy_poll_us;	 /* --busy-poll-us; 0: off */
	uint32_t has_huge_pages; /* --huge-pages, and the kernel has them */
	uint32_t reserved;
	int64_t started_wall_ns;
};

#endif /* RP_SHM_SETTINGS_H */
