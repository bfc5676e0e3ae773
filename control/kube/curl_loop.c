/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/curl_loop.h"

#include <stdlib.h>

#include "shm/clock.h"

struct rp_curl_socket {
	struct rp_events_watch watch;
	struct rp_curl_loop *curl;
	struct rp_curl_socket *next;
	struct rp_curl_socket *prev;
};

static void act(struct rp_curl_loop *curl, curl_socket_t fd, int events)
{
	int running;

	curl->is_in_curl = true;
	(void)curl_multi_socket_action(curl->multi, fd, events, &running);
	curl->is_in_curl = false;
	curl->on_turn(curl);
}

static void on_ready(struct rp_events_watch *watch, uint32_t events)
{
	struct rp_curl_socket *socket = watch->user;
	int what = 0;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) != 0)
		what |= CURL_CSELECT_IN;
	if ((events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	if ((events & EPOLLERR) != 0)
		what |= CURL_CSELECT_ERR;
	act(socket->curl, watch->fd, what); /* may free the socket */
}

static void on_timer(struct rp_events_timer *timer)
{
	act(timer->user, CURL_SOCKET_TIMEOUT, 0);
}

static void forget(struct rp_curl_socket *socket)
{
	struct rp_curl_loop *curl = socket->curl;

	rp_events_unwatch(curl->loop, &socket->watch);
	if (socket->prev != NULL)
		socket->prev->next = socket->next;
	else
		curl->sockets = socket->next;
	if (socket->next != NULL)
		socket->next->prev = socket->prev;
	free(socket);
}

/* curl's CURLMOPT_SOCKETFUNCTION. -1 fails what curl was asked to do. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *user_of_socket)
{
	struct rp_curl_loop *curl = user;
	struct rp_curl_socket *socket = user_of_socket;
	uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0) |
			  ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0);
	int err;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (socket != NULL) {
			(void)curl_multi_assign(curl->multi, fd, NULL);
			forget(socket);
		}
		return 0;
	}
	if (socket != NULL)
		return rp_events_rewatch(curl->loop, &socket->watch, events) == RP_OK ? 0 : -1;
	socket = calloc(1, sizeof(*socket));
	if (socket == NULL)
		return -1;
	err = rp_events_watch(curl->loop, &socket->watch, fd, events, on_ready, socket);
	if (err != RP_OK) {
		free(socket);
		return -1;
	}
	socket->curl = curl;
	socket->next = curl->sockets;
	if (socket->next != NULL)
		socket->next->prev = socket;
	curl->sockets = socket;
	(void)curl_multi_assign(curl->multi, fd, socket);
	return 0;
}

/* curl's CURLMOPT_TIMERFUNCTION; it must not be called back from here. */
static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct rp_curl_loop *curl = user;

	(void)multi;
	if (timeout_ms < 0)
		rp_events_timer_cancel(curl->loop, &curl->timer);
	else
		rp_events_timer_set(curl->loop, &curl->timer,
				    rp_clock_monotonic_ns() + timeout_ms * RP_NS_PER_MS);
	return 0;
}

int rp_curl_loop_init(struct rp_curl_loop *curl, struct rp_events *loop,
		      void (*on_turn)(struct rp_curl_loop *curl))
{
	*curl = (struct rp_curl_loop){.loop = loop, .on_turn = on_turn};
	rp_events_timer_init(&curl->timer, on_timer, curl);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return RP_ENOMEM;
	curl->multi = curl_multi_init();
	if (curl->multi == NULL) {
		curl_global_cleanup();
		return RP_ENOMEM;
	}
	(void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	(void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
	(void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
	return RP_OK;
}

void rp_curl_loop_fini(struct rp_curl_loop *curl)
{
	(void)curl_multi_cleanup(curl->multi);
	while (curl->sockets != NULL)
		forget(curl->sockets);
	rp_events_timer_cancel(curl->loop, &curl->timer);
	curl_global_cleanup();
}
