/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi interface on control's loop: its sockets are watched, its timer is set
 * (curl_multi_socket_action(3)).
 */
#ifndef RP_CONTROL_KUBE_CURL_LOOP_H
#define RP_CONTROL_KUBE_CURL_LOOP_H

#include <curl/curl.h>

#include "control/event_loop.h"

struct rp_curl_socket;

/* On its owner's storage. */
struct rp_curl_loop {
	struct rp_events *loop;
	CURLM *multi;
	struct rp_events_timer timer;
	struct rp_curl_socket *sockets; /* those that are watched */
	/** After curl had its turn: transfers may have ended. */
	void (*on_turn)(struct rp_curl_loop *curl);
	bool is_in_curl; /* a transfer's callback may be running: none may be added or removed */
};

/** @return RP_OK; RP_ENOMEM */
RP_MUST_CHECK int rp_curl_loop_init(struct rp_curl_loop *curl, struct rp_events *loop,
				    void (*on_turn)(struct rp_curl_loop *curl));
/** After all transfers are removed. */
void rp_curl_loop_fini(struct rp_curl_loop *curl);

#endif /* RP_CONTROL_KUBE_CURL_LOOP_H */
