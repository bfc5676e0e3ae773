/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/grpc_call.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/ext_proc_stream.h"
#include "dataplane/grpc_health.h"
#include "shm/clock.h"

#define EXT_PROC_PROCESS "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
#define HEALTH_CHECK	 "/grpc.health.v1.Health/Check"
#define HEALTH_WATCH	 "/grpc.health.v1.Health/Watch"
#define HEALTH_LIST	 "/grpc.health.v1.Health/List"

enum method { METHOD_PROCESS, METHOD_CHECK, METHOD_WATCH, METHOD_LIST, METHOD_COUNT };

/* One open call. Its memory is not the stream's arena, which is given back while the call goes on.
 */
struct rp_grpc_call {
	struct rp_env *env;
	struct rp_h2_stream *h2;
	struct rp_grpc_call *prev; /* in the list of timed calls */
	struct rp_grpc_call *next; /* there, or in the freelist */
	int64_t deadline_ns;	   /* INT64_MAX: none */
	struct rp_grpc_frame frame;
	uint8_t method;
	bool is_timed;
	bool is_over;	      /* a status is queued: input is dropped */
	bool has_message;     /* unary calls take one */
	uint8_t watch_status; /* last told, enum rp_health_status */
	struct rp_ext_proc_stream ext_proc;
};

/* Tens of thousands of these are open at a time. */
static_assert(sizeof(struct rp_grpc_call) <= 296, "keep the record of an open stream small");

static void finish(struct rp_grpc_call *call, int status, const char *message)
{
	if (call->is_over)
		return;
	call->is_over = true;
	if (call->method == METHOD_PROCESS) {
		rp_ext_proc_fail(&call->ext_proc, status, message);
		return;
	}
	rp_h2_stream_finish(call->h2, status, message);
}

/* ---- deadlines and watchers ---- */

/* @param due_ns  when the call must be looked at first */
static void link_timed(struct rp_grpc_call *call, int64_t due_ns)
{
	struct rp_grpc_calls *calls = &call->env->calls;
	int64_t soonest_ns = call->env->now_ns + RP_GRPC_TICK_MS * RP_NS_PER_MS;

	if (due_ns < soonest_ns)
		due_ns = soonest_ns;
	if (due_ns < calls->next_ns)
		calls->next_ns = due_ns;
	if (call->is_timed)
		return;
	call->is_timed = true;
	call->prev = NULL;
	call->next = calls->timed;
	if (call->next != NULL)
		call->next->prev = call;
	calls->timed = call;
}

static void unlink_timed(struct rp_grpc_call *call)
{
	if (!call->is_timed)
		return;
	call->is_timed = false;
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		call->env->calls.timed = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
}

static void tell_watcher(struct rp_grpc_call *call, enum rp_health_status status)
{
	if (call->is_over || !call->has_message || call->watch_status == status)
		return;
	call->watch_status = (uint8_t)status;
	if (rp_grpc_health_send(call->h2, status) != RP_OK)
		finish(call, RP_GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

int64_t rp_grpc_tick(struct rp_env *env, int64_t now_ns)
{
	struct rp_grpc_calls *calls = &env->calls;
	enum rp_health_status status;
	int64_t next_ns = INT64_MAX;
	struct rp_grpc_call *next;

	if (calls->timed == NULL)
		calls->next_ns = INT64_MAX; /* what it was for may be gone */
	if (now_ns < calls->next_ns)
		return calls->next_ns;
	status = rp_grpc_health_status(env);
	for (struct rp_grpc_call *call = calls->timed; call != NULL; call = next) {
		next = call->next;
		if (call->method == METHOD_WATCH) {
			tell_watcher(call, status);
			next_ns = next_ns < now_ns + RP_HEALTH_WATCH_MS * RP_NS_PER_MS
					  ? next_ns
					  : now_ns + RP_HEALTH_WATCH_MS * RP_NS_PER_MS;
		}
		if (now_ns >= call->deadline_ns)
			finish(call, RP_GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
		else if (call->deadline_ns < next_ns)
			next_ns = call->deadline_ns;
		if (call->is_over)
			unlink_timed(call);
	}
	/* Many deadlines close together are one round of the list, not one each. */
	if (next_ns != INT64_MAX && next_ns < now_ns + RP_GRPC_TICK_MS * RP_NS_PER_MS)
		next_ns = now_ns + RP_GRPC_TICK_MS * RP_NS_PER_MS;
	calls->next_ns = next_ns;
	return next_ns;
}

/**
 * gRPC over HTTP/2: Timeout, 1 to 8 digits and a unit.
 * @return RP_OK or RP_EFORMAT
 */
static int parse_timeout(struct rp_bytes text, int64_t *ret_ns)
{
	uint64_t value;
	int64_t unit;

	if (text.len < 2 || text.len > 9 ||
	    rp_bytes_to_u64(rp_bytes_slice(text, 0, text.len - 1), 99999999, &value) != RP_OK)
		return RP_EFORMAT;
	switch (text.ptr[text.len - 1]) {
	case 'H':
		unit = 3600 * RP_NS_PER_S;
		break;
	case 'M':
		unit = 60 * RP_NS_PER_S;
		break;
	case 'S':
		unit = RP_NS_PER_S;
		break;
	case 'm':
		unit = RP_NS_PER_MS;
		break;
	case 'u':
		unit = RP_NS_PER_US;
		break;
	case 'n':
		unit = 1;
		break;
	default:
		return RP_EFORMAT;
	}
	if (__builtin_mul_overflow((int64_t)value, unit, ret_ns) || *ret_ns > INT64_MAX / 2)
		*ret_ns = INT64_MAX / 2;
	return RP_OK;
}

/* ---- beginning ---- */

static struct rp_grpc_call *call_new(struct rp_env *env, struct rp_h2_stream *h2,
				     enum method method)
{
	struct rp_grpc_call *call = env->calls.free;

	if (call != NULL)
		env->calls.free = call->next;
	else
		call = malloc(sizeof(*call));
	if (call == NULL)
		return NULL;
	*call = (struct rp_grpc_call){
		.env = env, .h2 = h2, .method = (uint8_t)method, .deadline_ns = INT64_MAX};
	return call;
}

static bool is_grpc(struct rp_bytes content_type)
{
	struct rp_bytes grpc = RP_BYTES_LIT("application/grpc");

	if (!rp_bytes_equal_nocase(rp_bytes_slice(content_type, 0, grpc.len), grpc))
		return false;
	return content_type.len == grpc.len || content_type.ptr[grpc.len] == '+' ||
	       content_type.ptr[grpc.len] == ';';
}

static enum method find_method(struct rp_bytes path, bool is_health_port)
{
	static const char *const paths[METHOD_COUNT] = {
		[METHOD_PROCESS] = EXT_PROC_PROCESS,
		[METHOD_CHECK] = HEALTH_CHECK,
		[METHOD_WATCH] = HEALTH_WATCH,
		[METHOD_LIST] = HEALTH_LIST,
	};
	unsigned method = 0;

	while (method < METHOD_COUNT && !rp_bytes_equal_str(path, paths[method]))
		method++;
	if (method == METHOD_PROCESS && is_health_port)
		return METHOD_COUNT;
	return (enum method)method;
}

/* Why this request is no call of ours. @return false: it was answered */
static bool is_acceptable(struct rp_h2_stream *h2, const struct rp_h2_request *request,
			  enum method method)
{
	char text[128];

	if (!rp_bytes_equal_str(request->method, "POST")) {
		rp_h2_stream_reject(h2, 405);
		return false;
	}
	if (!is_grpc(request->content_type)) {
		rp_h2_stream_reject(h2, 415);
		return false;
	}
	if (method == METHOD_COUNT) {
		snprintf(text, sizeof(text), "unknown method %.*s",
			 (int)rp_min_size(request->path.len, 96), (const char *)request->path.ptr);
		rp_h2_stream_finish(h2, RP_GRPC_UNIMPLEMENTED, text);
		return false;
	}
	if (request->grpc_encoding.len > 0 &&
	    !rp_bytes_equal_str(request->grpc_encoding, "identity")) {
		snprintf(text, sizeof(text),
			 "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
			 (int)rp_min_size(request->grpc_encoding.len, 32),
			 (const char *)request->grpc_encoding.ptr);
		rp_h2_stream_finish(h2, RP_GRPC_UNIMPLEMENTED, text);
		return false;
	}
	return true;
}

static void on_request(struct rp_h2_stream *h2, const struct rp_h2_request *request)
{
	struct rp_env *env = rp_h2_session_worker(h2->session);
	enum method method = find_method(request->path, rp_h2_session_is_health(h2->session));
	int64_t timeout_ns = INT64_MAX;
	struct rp_grpc_call *call;

	h2->owner = NULL;
	if (!is_acceptable(h2, request, method))
		return;
	if (request->grpc_timeout.len > 0 &&
	    parse_timeout(request->grpc_timeout, &timeout_ns) != RP_OK) {
		rp_h2_stream_finish(h2, RP_GRPC_INTERNAL, "malformed grpc-timeout");
		return;
	}
	call = call_new(env, h2, method);
	if (call == NULL) {
		rp_h2_stream_finish(h2, RP_GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	h2->owner = call;
	if (method == METHOD_PROCESS)
		rp_ext_proc_open(&call->ext_proc, env, h2);
	if (timeout_ns != INT64_MAX) {
		call->deadline_ns = env->now_ns + timeout_ns;
		link_timed(call, call->deadline_ns);
	}
}

/* ---- messages ---- */

static void on_health_message(struct rp_grpc_call *call, const struct rp_grpc_message *message)
{
	enum rp_health_status status = rp_grpc_health_status(call->env);
	int err = rp_grpc_health_read(message);

	if (call->has_message) {
		finish(call, RP_GRPC_INTERNAL, "more than one message for a unary call");
		return;
	}
	call->has_message = true;
	if (err != RP_OK) {
		finish(call, err == RP_ETOOBIG ? RP_GRPC_INVALID_ARGUMENT : RP_GRPC_INTERNAL,
		       "grpc: failed to unmarshal the received message");
		return;
	}
	if (call->method == METHOD_WATCH) {
		tell_watcher(call, status);
		link_timed(call, call->env->now_ns + RP_HEALTH_WATCH_MS * RP_NS_PER_MS);
		return;
	}
	err = call->method == METHOD_CHECK ? rp_grpc_health_send(call->h2, status)
					   : rp_grpc_health_send_list(call->h2, status);
	finish(call, err == RP_OK ? RP_GRPC_OK : RP_GRPC_RESOURCE_EXHAUSTED, "");
}

static void on_message(struct rp_grpc_call *call, struct rp_grpc_message *message)
{
	if (call->method != METHOD_PROCESS) {
		on_health_message(call, message);
		return;
	}
	rp_ext_proc_on_message(&call->ext_proc, message);
	call->is_over = call->ext_proc.is_over;
}

static void on_frame_error(struct rp_grpc_call *call, int err)
{
	char text[96];

	switch (err) {
	case RP_ETOOBIG:
		snprintf(text, sizeof(text), "grpc: received message larger than max (%u vs. %llu)",
			 rp_grpc_frame_bytes(&call->frame),
			 (unsigned long long)call->env->settings->recv_message_max);
		finish(call, RP_GRPC_RESOURCE_EXHAUSTED, text);
		break;
	case RP_EUNSUPPORTED:
		finish(call, RP_GRPC_INTERNAL,
		       "grpc: compressed flag set with identity or empty encoding");
		break;
	default:
		if (call->method == METHOD_PROCESS)
			rp_ext_proc_refuse_memory(&call->ext_proc);
		finish(call, RP_GRPC_RESOURCE_EXHAUSTED, "out of memory for messages");
		break;
	}
}

static void on_data(struct rp_h2_stream *h2, struct rp_bytes data)
{
	struct rp_grpc_call *call = h2->owner;
	struct rp_grpc_message message;
	int err = RP_OK;

	while (call != NULL && !call->is_over) {
		call->frame.is_upload = call->method == METHOD_PROCESS &&
					call->ext_proc.request_phase != RP_EXCHANGE_ENDED;
		err = rp_grpc_frame_next(&call->frame, &call->env->bodies,
					 call->env->settings->recv_message_max, &data, &message);
		if (err != RP_OK)
			break;
		on_message(call, &message);
	}
	if (call != NULL && err != RP_OK && err != RP_EAGAIN)
		on_frame_error(call, err);
	if (call != NULL && call->is_over)
		rp_grpc_frame_fini(&call->frame, &call->env->bodies);
}

static void on_end(struct rp_h2_stream *h2)
{
	struct rp_grpc_call *call = h2->owner;

	if (call == NULL || call->is_over)
		return;
	if (rp_grpc_frame_is_inside(&call->frame))
		finish(call, RP_GRPC_INTERNAL, "unexpected end of stream inside a message");
	else if (call->method == METHOD_PROCESS)
		rp_ext_proc_on_end(&call->ext_proc);
	else if (!call->has_message)
		finish(call, RP_GRPC_INTERNAL, "no message for a unary call");
	if (call->method == METHOD_PROCESS)
		call->is_over = call->ext_proc.is_over;
}

static void on_flush(struct rp_h2_stream *h2)
{
	(void)h2; /* every message was answered when it came; the session sends once a turn */
}

static void on_drained(struct rp_h2_stream *h2)
{
	struct rp_grpc_call *call = h2->owner;

	if (call == NULL || call->is_over || call->method != METHOD_PROCESS)
		return;
	rp_ext_proc_on_drained(&call->ext_proc);
	call->is_over = call->ext_proc.is_over;
}

static void on_close(struct rp_h2_stream *h2, uint32_t error)
{
	struct rp_grpc_call *call = h2->owner;

	(void)error; /* a reset after the last reply is how gateways end a stream */
	if (call == NULL)
		return;
	h2->owner = NULL;
	unlink_timed(call);
	if (call->method == METHOD_PROCESS)
		rp_ext_proc_on_close(&call->ext_proc,
				     h2->is_finished ? h2->grpc_status : RP_GRPC_CANCELLED);
	rp_grpc_frame_fini(&call->frame, &call->env->bodies);
	call->next = call->env->calls.free;
	call->env->calls.free = call;
}

const struct rp_h2_stream_ops rp_grpc_stream_ops = {
	.on_request = on_request,
	.on_data = on_data,
	.on_end = on_end,
	.on_flush = on_flush,
	.on_drained = on_drained,
	.on_close = on_close,
};

void rp_grpc_fini(struct rp_env *env)
{
	struct rp_grpc_call *call;

	RP_ASSERT(env->calls.timed == NULL);
	while ((call = env->calls.free) != NULL) {
		env->calls.free = call->next;
		free(call);
	}
}
