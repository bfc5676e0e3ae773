/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/reflector.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/kube/object.h"
#include "control/kube/object_feed.h"
#include "control/kube/retry.h"
#include "shm/log.h"

#define LOGGER "kube"

#define PAGE_TIMEOUT_NS	   (60 * RP_NS_PER_S)
#define WATCH_GRACE_NS	   (30 * RP_NS_PER_S) /* beyond timeoutSeconds */
#define WATCH_SHORT_NS	   RP_NS_PER_S	      /* one that ends sooner is no clean end */
#define SILENCE_NS	   (150 * RP_NS_PER_S)
#define WATCH_ALIVE_NS	   (15 * RP_NS_PER_S)  /* connecting takes no longer: it works */
#define ABSENT_WAIT_NS	   (60 * RP_NS_PER_S)  /* of an optional kind */
#define DENIED_WAIT_MAX_NS (300 * RP_NS_PER_S) /* of an optional kind */

enum {
	PAGE_OBJECTS = 500,
	PAGES_MAX = 4096,
	WATCH_MIN_S = 300,
	WATCH_SPREAD_S = 301,
	RETRY_AFTER_S_MAX = 300, /* of an ERROR event */
	TEXT_BYTES = 512,
	URL_BYTES_MORE = 256, /* parameters that are always there */
};

enum doing { WAITING, LISTING, WATCHING };

/* Why we ended a watch ourselves. */
enum verdict { NO_VERDICT, SAYS_ERROR, SAYS_TOO_BIG };

struct rp_reflector {
	struct rp_kube_client *client;
	struct rp_events *loop;
	const struct rp_reflector_ops *ops;
	void *user;
	const char *what;
	char *path;
	char *selectors; /* "&labelSelector=...", encoded */
	char *url;	 /* room for the longest one */
	size_t url_room;
	bool is_optional;
	enum doing doing;
	struct rp_kube_call call;
	struct rp_object_feed feed;
	struct rp_events_timer timer; /* waiting: go on; watching: say that all is well */
	struct rp_events_timer silence;
	struct rp_kube_retry retry;
	int64_t began_ns; /* the call */
	/* Of the list that is under way. */
	bool is_list_open; /* the owner heard of it */
	uint32_t page;
	size_t objects;
	char list_version[RP_KUBE_VERSION_BYTES_MAX];
	char next[RP_KUBE_CONTINUE_BYTES_MAX];
	/* Where to go on watching; empty: list. */
	char version[RP_KUBE_VERSION_BYTES_MAX];
	bool is_consistent;    /* a list must not come from a cache of the server's */
	bool is_list_retried;  /* something expired, and no watch has worked since */
	bool is_watch_broken;  /* the last watch failed, and no other one has worked since */
	bool is_watch_refused; /* the same, and it is not for want of a connection */
	bool has_bookmarks;    /* the server sends them */
	enum verdict verdict;
	uint32_t error_code; /* this and what follows: of an ERROR event */
	bool is_expired;
	int64_t error_retry_ns;
	char error_text[TEXT_BYTES];
	enum rp_reflector_state state;
	char text[TEXT_BYTES]; /* of the state */
};

static void start(struct rp_reflector *r);

/* ---- what is told ---- */

/* The last thing that a caller does: the owner may free the reflector. */
static void set_state(struct rp_reflector *r, enum rp_reflector_state state, const char *text)
{
	if (state == r->state && strcmp(text, r->text) == 0)
		return;
	r->state = state;
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
	r->ops->on_state(r->user, state, r->text);
}

/* The part of a path at *at, which moves behind it. */
static struct rp_bytes next_part(const char **at)
{
	struct rp_bytes part;

	*at += **at == '/';
	part = rp_bytes(*at, strcspn(*at, "/"));
	*at += part.len;
	return part;
}

/* What an administrator has to do about a refusal. Paths are "/api/v1/namespaces/ns/pods" or
 * "/apis/group/version/namespaces/ns/kinds". */
static void say_remedy(const struct rp_reflector *r, uint32_t status, char *out, size_t out_bytes)
{
	const char *at = r->path;
	struct rp_bytes group =
		rp_bytes_equal_str(next_part(&at), "apis") ? next_part(&at) : RP_BYTES_LIT("");
	struct rp_bytes name_space, plural;

	(void)next_part(&at); /* version */
	(void)next_part(&at); /* "namespaces" */
	name_space = next_part(&at);
	plural = next_part(&at);
	if (status == 403)
		(void)snprintf(out, out_bytes,
			       "grant the verbs get, list and watch on the resource \"%.*s\" of "
			       "apiGroup \"%.*s\" in namespace \"%.*s\", by a Role and a "
			       "RoleBinding to the account that error names",
			       (int)plural.len, (const char *)plural.ptr, (int)group.len,
			       (const char *)group.ptr, (int)name_space.len,
			       (const char *)name_space.ptr);
	else if (status == 404)
		(void)snprintf(out, out_bytes,
			       "install the CustomResourceDefinition of \"%.*s\" of group \"%.*s\"",
			       (int)plural.len, (const char *)plural.ptr, (int)group.len,
			       (const char *)group.ptr);
	else if (status == 401)
		(void)snprintf(out, out_bytes, "check the token or the client certificate");
	else
		(void)snprintf(out, out_bytes, "none: it is tried again");
}

static void tell_failure(struct rp_reflector *r, enum rp_reflector_state state, uint32_t status,
			 const char *text, int64_t wait_ns)
{
	bool is_feature_off =
		r->is_optional && (state == RP_REFLECTOR_DENIED || state == RP_REFLECTOR_ABSENT);
	char remedy[TEXT_BYTES];

	if (state != r->state)
		(void)rp_kube_retry_recovers(&r->retry);
	else if (is_feature_off)
		return;
	if (!rp_kube_retry_tells(&r->retry, rp_events_now_ns(r->loop)))
		return;
	say_remedy(r, status, remedy, sizeof(remedy));
	RP_LOG(RP_LOG_ERROR, LOGGER,
	       is_feature_off ? "An optional kind cannot be read: going on without changes of it"
			      : "Cannot read from the API server: what is known stays in use",
	       RP_F_TEXT("kind", r->what), RP_F_TEXT("path", r->path), RP_F_INT("status", status),
	       RP_F_TEXT("error", text), RP_F_TEXT("remedy", remedy),
	       RP_F_INT("retryMs", wait_ns / RP_NS_PER_MS));
}

/* The list is complete, or the watch works. */
static void settle(struct rp_reflector *r)
{
	if (r->is_watch_refused || r->version[0] == '\0')
		return;
	if (rp_kube_retry_recovers(&r->retry))
		RP_LOG(RP_V0, LOGGER, "Reading from the API server again",
		       RP_F_TEXT("kind", r->what), RP_F_TEXT("path", r->path));
	set_state(r, RP_REFLECTOR_SYNCED, "");
}

static void watch_works(struct rp_reflector *r)
{
	r->is_watch_broken = false;
	r->is_watch_refused = false;
}

/* ---- failure ---- */

static void stop(struct rp_reflector *r)
{
	rp_kube_call_cancel(&r->call);
	rp_object_feed_fini(&r->feed);
	rp_events_timer_cancel(r->loop, &r->timer);
	rp_events_timer_cancel(r->loop, &r->silence);
	r->doing = WAITING;
}

static void drop_list(struct rp_reflector *r)
{
	if (!r->is_list_open)
		return;
	r->is_list_open = false;
	r->ops->on_list_fail(r->user);
}

static enum rp_reflector_state state_of(uint32_t status)
{
	if (status == 403)
		return RP_REFLECTOR_DENIED;
	return status == 404 ? RP_REFLECTOR_ABSENT : RP_REFLECTOR_FAILING;
}

/* Try again later. */
static void fail(struct rp_reflector *r, uint32_t status, const char *text, int64_t at_least_ns)
{
	enum rp_reflector_state state = state_of(status);
	bool is_denied = r->is_optional && state == RP_REFLECTOR_DENIED;
	int64_t now_ns = rp_events_now_ns(r->loop);
	int64_t wait_ns = rp_kube_retry_wait(&r->retry, now_ns,
					     is_denied ? DENIED_WAIT_MAX_NS : RP_KUBE_RETRY_MAX_NS);
	char line[TEXT_BYTES];

	if (r->doing == WATCHING)
		r->is_watch_broken = true;
	if (r->is_optional && state == RP_REFLECTOR_ABSENT)
		wait_ns = ABSENT_WAIT_NS;
	if (wait_ns < at_least_ns)
		wait_ns = at_least_ns;
	stop(r);
	drop_list(r);
	rp_events_timer_set(r->loop, &r->timer, now_ns + wait_ns);
	if (status != 0)
		(void)snprintf(line, sizeof(line), "%u: %s", status, text);
	else
		(void)snprintf(line, sizeof(line), "%s", text);
	tell_failure(r, state, status, text, wait_ns);
	set_state(r, state, line);
}

static void list_again(struct rp_reflector *r)
{
	r->version[0] = '\0';
	r->is_consistent = true;
}

/* What we wanted to go on from is no longer there: list, at once if that is not what brought us
 * here. */
static void expire(struct rp_reflector *r, const char *text)
{
	list_again(r);
	if (r->is_list_retried) {
		fail(r, 410, text, 0);
		return;
	}
	r->is_list_retried = true;
	RP_LOG(RP_V2, LOGGER, "What was read has expired: listing again",
	       RP_F_TEXT("kind", r->what), RP_F_TEXT("path", r->path), RP_F_TEXT("error", text));
	stop(r);
	drop_list(r);
	start(r);
}

/* ---- calls ---- */

static void encode(struct rp_writer *w, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		uint8_t byte = (uint8_t)*text;
		bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
				(byte >= 'A' && byte <= 'Z') || strchr("-._~", byte) != NULL;

		if (!is_plain) {
			rp_write_u8(w, '%');
			rp_write_u8(w, (uint8_t)hex[byte >> 4]);
			byte = (uint8_t)hex[byte & 15];
		}
		rp_write_u8(w, byte);
	}
}

static void write_list_url(const struct rp_reflector *r, struct rp_writer *w)
{
	rp_write_str(w, "?limit=");
	rp_write_u64_dec(w, PAGE_OBJECTS);
	if (r->page > 0) {
		rp_write_str(w, "&continue=");
		encode(w, r->next);
	} else if (!r->is_consistent) {
		rp_write_str(w, "&resourceVersion=0");
	}
}

static void write_watch_url(const struct rp_reflector *r, struct rp_writer *w, int64_t timeout_s)
{
	rp_write_str(w, "?watch=1&allowWatchBookmarks=true&timeoutSeconds=");
	rp_write_u64_dec(w, (uint64_t)timeout_s);
	rp_write_str(w, "&resourceVersion=");
	encode(w, r->version);
}

static int call(struct rp_reflector *r, int64_t timeout_ns, struct rp_writer *w)
{
	struct rp_kube_request request = {
		.method = "GET", .path = r->url, .timeout_ns = timeout_ns};

	rp_write_str(w, r->selectors);
	rp_write_u8(w, '\0');
	r->began_ns = rp_events_now_ns(r->loop);
	return w->err == RP_OK ? rp_kube_call_start(r->client, &r->call, &request) : w->err;
}

/* ---- lists ---- */

static int on_listed(void *user, struct rp_bytes type RP_UNUSED, const cJSON *object)
{
	struct rp_reflector *r = user;

	r->objects++;
	r->ops->on_object(r->user, object);
	return RP_OK;
}

/* Without it the list is still better than none at all, which would keep those that are gone. What
 * was known of this one goes, and so is told. */
static int on_listed_too_big(void *user)
{
	struct rp_reflector *r = user;

	RP_LOG(RP_LOG_ERROR, LOGGER, "An object is too big and counts as missing",
	       RP_F_TEXT("kind", r->what), RP_F_TEXT("path", r->path),
	       RP_F_INT("after", r->objects), RP_F_INT("maxBytes", RP_KUBE_OBJECT_BYTES_MAX));
	return RP_OK;
}

static const struct rp_object_feed_ops list_ops = {on_listed, on_listed_too_big};

static int start_page(struct rp_reflector *r)
{
	struct rp_writer w = rp_writer(r->url, r->url_room);

	rp_object_feed_init_list(&r->feed, "items", &list_ops, r);
	r->doing = LISTING;
	rp_write_str(&w, r->path);
	write_list_url(r, &w);
	return call(r, PAGE_TIMEOUT_NS, &w);
}

static void open_list(struct rp_reflector *r)
{
	if (r->is_list_open)
		return;
	r->is_list_open = true;
	r->ops->on_list_begin(r->user);
}

/* ---- watches ---- */

/* The Status object of an ERROR event. */
static int on_error_event(struct rp_reflector *r, const cJSON *status)
{
	const cJSON *code = cJSON_GetObjectItemCaseSensitive(status, "code");
	const cJSON *retry = cJSON_GetObjectItemCaseSensitive(rp_kube_member(status, "details"),
							      "retryAfterSeconds");
	struct rp_bytes reason = rp_kube_text(status, "reason");

	r->verdict = SAYS_ERROR;
	r->error_code = cJSON_IsNumber(code) && code->valueint >= 100 && code->valueint <= 599
				? (uint32_t)code->valueint
				: 0;
	r->is_expired = r->error_code == 410 || rp_bytes_equal_str(reason, "Expired") ||
			rp_bytes_equal_str(reason, "Gone");
	r->error_retry_ns = 0;
	if (cJSON_IsNumber(retry) && retry->valueint > 0)
		r->error_retry_ns = retry->valueint < RETRY_AFTER_S_MAX
					    ? retry->valueint * RP_NS_PER_S
					    : RETRY_AFTER_S_MAX * RP_NS_PER_S;
	(void)rp_bytes_to_str(rp_kube_text(status, "message"), r->error_text,
			      sizeof(r->error_text));
	return RP_ECLOSED;
}

static int on_event(void *user, struct rp_bytes type, const cJSON *object)
{
	struct rp_reflector *r = user;
	struct rp_bytes version = rp_object_version(object);

	if (rp_bytes_equal_str(type, "ERROR"))
		return on_error_event(r, object);
	r->is_list_retried = false;
	if (rp_bytes_equal_str(type, "BOOKMARK"))
		r->has_bookmarks = true;
	else if (rp_bytes_equal_str(type, "DELETED"))
		r->ops->on_delete(r->user, object);
	else if (rp_bytes_equal_str(type, "ADDED") || rp_bytes_equal_str(type, "MODIFIED"))
		r->ops->on_object(r->user, object);
	else
		RP_LOG(RP_LOG_ERROR, LOGGER, "An event of an unknown type is left out",
		       RP_F_TEXT("kind", r->what), RP_F_STR("type", type));
	/* Without a version it would come again, which does no harm. */
	if (version.len > 0)
		(void)rp_bytes_to_str(version, r->version, sizeof(r->version));
	return RP_OK;
}

/* What it was about is not known: only a list says how things are. */
static int on_event_too_big(void *user)
{
	struct rp_reflector *r = user;

	r->verdict = SAYS_TOO_BIG;
	return RP_ETOOBIG;
}

static const struct rp_object_feed_ops watch_ops = {on_event, on_event_too_big};

static void expect_news(struct rp_reflector *r)
{
	if (r->has_bookmarks)
		rp_events_timer_set(r->loop, &r->silence, rp_events_now_ns(r->loop) + SILENCE_NS);
}

static int start_watch(struct rp_reflector *r)
{
	int64_t timeout_s = WATCH_MIN_S + rp_kube_random_below(WATCH_SPREAD_S);
	struct rp_writer w = rp_writer(r->url, r->url_room);

	rp_object_feed_init_watch(&r->feed, &watch_ops, r);
	r->doing = WATCHING;
	r->verdict = NO_VERDICT;
	expect_news(r);
	if (r->state != RP_REFLECTOR_SYNCED)
		rp_events_timer_set(r->loop, &r->timer, rp_events_now_ns(r->loop) + WATCH_ALIVE_NS);
	rp_write_str(&w, r->path);
	write_watch_url(r, &w, timeout_s);
	return call(r, timeout_s * RP_NS_PER_S + WATCH_GRACE_NS, &w);
}

/* ---- answers ---- */

static int on_data(struct rp_kube_call *c, struct rp_bytes piece)
{
	struct rp_reflector *r = c->user;
	int err;

	if (r->doing == LISTING) {
		open_list(r);
		return rp_object_feed_push(&r->feed, piece);
	}
	err = rp_object_feed_push(&r->feed, piece);
	if (err == RP_OK) {
		expect_news(r);
		watch_works(r);
		if (r->state != RP_REFLECTOR_SYNCED)
			rp_events_timer_set(r->loop, &r->timer, rp_events_now_ns(r->loop));
	}
	return err;
}

static void fail_for_error(struct rp_reflector *r, int err)
{
	fail(r, 0, err == RP_ENOMEM ? "out of memory" : rp_err_text(err), 0);
}

/* What is wrong with an answer that was 2xx; NULL: nothing. */
static const char *fault_of(const struct rp_reflector *r, const struct rp_kube_outcome *outcome)
{
	int err = rp_object_feed_end(&r->feed);

	if (r->feed.err == RP_ENOMEM)
		return "out of memory";
	if (r->feed.err == RP_ETOOBIG)
		return "the answer is nested too deep, or its metadata are too big";
	if (r->feed.err != RP_OK)
		return "the answer is malformed";
	if (outcome->err != RP_OK)
		return outcome->text;
	return err != RP_OK ? "the answer breaks off" : NULL;
}

static bool is_success(const struct rp_kube_outcome *outcome)
{
	return outcome->status >= 200 && outcome->status <= 299;
}

static void end_list(struct rp_reflector *r)
{
	int err;

	open_list(r);
	r->is_list_open = false;
	memcpy(r->version, r->list_version, sizeof(r->version));
	r->is_consistent = true;
	RP_LOG(RP_V2, LOGGER, "List complete", RP_F_TEXT("kind", r->what),
	       RP_F_INT("objects", r->objects), RP_F_TEXT("resourceVersion", r->version));
	r->ops->on_list_end(r->user);
	err = start_watch(r);
	if (err != RP_OK)
		fail_for_error(r, err);
	else
		settle(r);
}

/* A page has come. */
static void end_page(struct rp_reflector *r)
{
	int err;

	if (r->feed.version[0] == '\0') {
		fail(r, 0, "the answer is no list: it has no resourceVersion", 0);
		return;
	}
	if (r->page == 0)
		memcpy(r->list_version, r->feed.version, sizeof(r->list_version));
	memcpy(r->next, r->feed.next, sizeof(r->next));
	rp_object_feed_fini(&r->feed);
	if (r->next[0] == '\0') {
		end_list(r);
		return;
	}
	if (++r->page == PAGES_MAX) {
		fail(r, 0, "the list has no end", 0);
		return;
	}
	err = start_page(r);
	if (err != RP_OK)
		fail_for_error(r, err);
}

static void on_list_done(struct rp_reflector *r, const struct rp_kube_outcome *outcome)
{
	const char *fault = is_success(outcome) ? fault_of(r, outcome) : outcome->text;

	if (fault == NULL)
		end_page(r);
	else if (outcome->status == 410)
		expire(r, fault);
	else
		fail(r, is_success(outcome) ? 0 : outcome->status, fault, outcome->retry_after_ns);
}

static void end_watch(struct rp_reflector *r)
{
	int err;

	if (rp_events_now_ns(r->loop) - r->began_ns <= WATCH_SHORT_NS) {
		fail(r, 0, "the watch ended within a second", 0);
		return;
	}
	watch_works(r);
	rp_object_feed_fini(&r->feed);
	err = start_watch(r);
	if (err != RP_OK)
		fail_for_error(r, err);
	else
		settle(r);
}

/* The server does not want this watch, and would not want it again: a list may bring another
 * version, and is at any rate how to see changes. */
static bool is_refusal(uint32_t status)
{
	return status >= 400 && status <= 499 && status != 401 && status != 408 && status != 429;
}

static void on_watch_done(struct rp_reflector *r, const struct rp_kube_outcome *outcome)
{
	const char *fault = is_success(outcome) ? fault_of(r, outcome) : outcome->text;

	if (r->verdict == SAYS_ERROR) {
		if (r->is_expired)
			expire(r, r->error_text);
		else
			fail(r, r->error_code, r->error_text, r->error_retry_ns);
	} else if (r->verdict == SAYS_TOO_BIG) {
		r->is_watch_refused = true;
		list_again(r);
		fail(r, 0, "an event is too big: listing again", 0);
	} else if (fault == NULL) {
		end_watch(r);
	} else if (outcome->status == 410) {
		expire(r, fault);
	} else {
		if (is_refusal(outcome->status) || (r->feed.err != RP_OK && r->is_watch_broken)) {
			r->is_watch_refused = true;
			list_again(r);
		}
		fail(r, is_success(outcome) ? 0 : outcome->status, fault, outcome->retry_after_ns);
	}
}

static void on_done(struct rp_kube_call *c, const struct rp_kube_outcome *outcome)
{
	struct rp_reflector *r = c->user;

	if (r->doing == LISTING)
		on_list_done(r, outcome);
	else
		on_watch_done(r, outcome);
}

static const struct rp_kube_call_ops call_ops = {on_data, on_done};

/* ---- the course of things ---- */

static void start(struct rp_reflector *r)
{
	int err;

	r->page = 0;
	r->objects = 0;
	err = r->version[0] != '\0' ? start_watch(r) : start_page(r);
	if (err != RP_OK)
		fail_for_error(r, err);
}

static void on_timer(struct rp_events_timer *timer)
{
	struct rp_reflector *r = timer->user;

	if (r->doing != WAITING) {
		watch_works(r);
		settle(r);
		return;
	}
	rp_kube_retry_begin(&r->retry, rp_events_now_ns(r->loop));
	start(r);
}

static void on_silence(struct rp_events_timer *timer)
{
	struct rp_reflector *r = timer->user;

	RP_LOG(RP_V2, LOGGER, "Nothing comes from a watch: opening it again",
	       RP_F_TEXT("kind", r->what), RP_F_TEXT("path", r->path));
	stop(r);
	start(r);
}

static char *encode_selectors(const struct rp_reflector_spec *spec)
{
	size_t room = 3 * (strlen(spec->label_selector) + strlen(spec->field_selector)) +
		      sizeof("&labelSelector=&fieldSelector=");
	char *text = malloc(room);
	struct rp_writer w;

	if (text == NULL)
		return NULL;
	w = rp_writer(text, room);
	if (spec->label_selector[0] != '\0') {
		rp_write_str(&w, "&labelSelector=");
		encode(&w, spec->label_selector);
	}
	if (spec->field_selector[0] != '\0') {
		rp_write_str(&w, "&fieldSelector=");
		encode(&w, spec->field_selector);
	}
	rp_write_u8(&w, '\0');
	RP_ASSERT(w.err == RP_OK);
	return text;
}

int rp_reflector_new(struct rp_kube_client *client, struct rp_events *loop,
		     const struct rp_reflector_spec *spec, const struct rp_reflector_ops *ops,
		     void *user, struct rp_reflector **ret_reflector)
{
	struct rp_reflector *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return RP_ENOMEM;
	r->client = client;
	r->loop = loop;
	r->ops = ops;
	r->user = user;
	r->what = spec->what;
	r->is_optional = spec->is_optional;
	r->state = RP_REFLECTOR_LISTING;
	r->call.ops = &call_ops;
	r->call.user = r;
	rp_events_timer_init(&r->timer, on_timer, r);
	rp_events_timer_init(&r->silence, on_silence, r);
	r->path = strdup(spec->path);
	r->selectors = encode_selectors(spec);
	if (r->path != NULL && r->selectors != NULL) {
		r->url_room = strlen(r->path) + strlen(r->selectors) + 3 * sizeof(r->next) +
			      URL_BYTES_MORE;
		r->url = malloc(r->url_room);
	}
	if (r->url == NULL) {
		rp_reflector_free(r);
		return RP_ENOMEM;
	}
	rp_events_timer_set(loop, &r->timer, rp_events_now_ns(loop));
	*ret_reflector = r;
	return RP_OK;
}

void rp_reflector_free(struct rp_reflector *r)
{
	if (r == NULL)
		return;
	stop(r);
	free(r->path);
	free(r->selectors);
	free(r->url);
	free(r);
}
