/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/optional_kind.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/kube/object.h"
#include "control/kube/object_feed.h"
#include "control/kube/retry.h"
#include "shm/log.h"

#define LOGGER		 "kube"
#define VERSION		 "v1alpha2"
#define LOOK_TIMEOUT_NS	 (30 * RP_NS_PER_S)
#define LOOK_INTERVAL_NS (60 * RP_NS_PER_S)

enum {
	GROUP_NEW,
	GROUP_LEGACY,
	GROUP_COUNT,
	GROUP_NONE = GROUP_COUNT,
	PATH_BYTES = 1024,
	TEXT_BYTES = 512,
	LOOKS_UNTIL_GONE = 2,
};

static const char *const group_name[GROUP_COUNT] = {RP_KUBE_GROUP, RP_KUBE_GROUP_LEGACY};

/* What discovery says of a group. */
enum finding { IS_MISSING, IS_SERVED, IS_SECRET };

struct rp_optional_kind {
	struct rp_kube_client *client;
	struct rp_events *loop;
	const struct rp_reflector_ops *ops;
	void *user;
	const char *plural;
	char *name_space;
	/* Looking. */
	struct rp_kube_call call;
	struct rp_object_feed feed;
	struct rp_events_timer timer; /* to the next look */
	struct rp_kube_retry retry;
	uint32_t asked; /* the group that the call is about */
	bool is_listed; /* its document shows the kind */
	enum finding finding[GROUP_COUNT];
	bool is_refuted[GROUP_COUNT]; /* a list of it was answered with 404 */
	uint32_t misses;	      /* looks in a row that found nothing */
	/* Reflecting. */
	uint32_t used; /* the group */
	struct rp_reflector *reflector;
	bool is_gone;	   /* it says so */
	bool is_list_open; /* the owner heard of it */
	bool has_shown;	   /* a list was complete: there may be something to take back */
	bool is_absence_told;
	bool is_age_told;
	bool is_twin_told;
	enum rp_reflector_state state;
	char text[TEXT_BYTES];
};

/* The last thing that a caller does: the owner may free the kind. */
static void set_state(struct rp_optional_kind *k, enum rp_reflector_state state, const char *text)
{
	if (state == k->state && strcmp(text, k->text) == 0)
		return;
	k->state = state;
	(void)snprintf(k->text, sizeof(k->text), "%s", text);
	k->ops->on_state(k->user, state, k->text);
}

static void look_in(struct rp_optional_kind *k, int64_t wait_ns)
{
	rp_events_timer_set(k->loop, &k->timer, rp_events_now_ns(k->loop) + wait_ns);
}

/* ---- what the reflector says ---- */

static void on_list_begin(void *user)
{
	struct rp_optional_kind *k = user;

	k->is_list_open = true;
	k->ops->on_list_begin(k->user);
}

static void on_list_end(void *user)
{
	struct rp_optional_kind *k = user;

	k->is_list_open = false;
	k->has_shown = true;
	k->ops->on_list_end(k->user);
}

static void on_list_fail(void *user)
{
	struct rp_optional_kind *k = user;

	k->is_list_open = false;
	k->ops->on_list_fail(k->user);
}

static void on_object(void *user, const cJSON *object)
{
	struct rp_optional_kind *k = user;

	if (k->used == GROUP_LEGACY && !k->is_age_told) {
		k->is_age_told = true;
		RP_LOG(RP_V0, LOGGER, "Objects of a deprecated API group are in use",
		       RP_F_TEXT("kind", k->plural), RP_F_TEXT("group", group_name[GROUP_LEGACY]),
		       RP_F_TEXT("remedy", "install the kind of group " RP_KUBE_GROUP
					   " and create the objects there"));
	}
	k->ops->on_object(k->user, object);
}

static void on_delete(void *user, const cJSON *object)
{
	struct rp_optional_kind *k = user;

	k->ops->on_delete(k->user, object);
}

static void on_state(void *user, enum rp_reflector_state state, const char *text)
{
	struct rp_optional_kind *k = user;
	bool is_gone = state == RP_REFLECTOR_ABSENT;

	if (is_gone && !k->is_gone) {
		k->is_refuted[k->used] = true;
		rp_kube_call_cancel(&k->call);
		look_in(k, 0);
	} else if (state == RP_REFLECTOR_SYNCED) {
		k->is_refuted[k->used] = false;
		k->is_absence_told = false;
		k->misses = 0;
	}
	k->is_gone = is_gone;
	set_state(k, state, text);
}

static const struct rp_reflector_ops reflector_ops = {on_list_begin, on_list_end, on_list_fail,
						      on_object,     on_delete,	  on_state};

static void stop_reflecting(struct rp_optional_kind *k)
{
	rp_reflector_free(k->reflector);
	k->reflector = NULL;
	k->used = GROUP_NONE;
	k->is_gone = false;
	if (k->is_list_open)
		on_list_fail(k);
}

static int reflect(struct rp_optional_kind *k, uint32_t group)
{
	char path[PATH_BYTES];
	struct rp_reflector_spec spec = {.what = k->plural,
					 .path = path,
					 .label_selector = "",
					 .field_selector = "",
					 .is_optional = true};
	int err;

	stop_reflecting(k);
	if ((size_t)snprintf(path, sizeof(path), "/apis/%s/" VERSION "/namespaces/%s/%s",
			     group_name[group], k->name_space, k->plural) >= sizeof(path))
		return RP_ETOOBIG;
	err = rp_reflector_new(k->client, k->loop, &spec, &reflector_ops, k, &k->reflector);
	if (err != RP_OK)
		return err;
	k->used = group;
	RP_LOG(RP_V1, LOGGER, "An optional kind is read", RP_F_TEXT("kind", k->plural),
	       RP_F_TEXT("group", group_name[group]));
	return RP_OK;
}

/* ---- looking ---- */

static void ask(struct rp_optional_kind *k, uint32_t group);

/* Nobody could say: what is reflected stays. */
static void look_again(struct rp_optional_kind *k, uint32_t status, const char *text,
		       int64_t at_least_ns)
{
	int64_t now_ns = rp_events_now_ns(k->loop);
	int64_t wait_ns = rp_kube_retry_wait(&k->retry, now_ns, RP_KUBE_RETRY_MAX_NS);
	char line[TEXT_BYTES];

	if (wait_ns < at_least_ns)
		wait_ns = at_least_ns;
	look_in(k, wait_ns);
	if (rp_kube_retry_tells(&k->retry, now_ns))
		RP_LOG(RP_LOG_ERROR, LOGGER, "Cannot find out whether an optional kind is served",
		       RP_F_TEXT("kind", k->plural), RP_F_TEXT("group", group_name[k->asked]),
		       RP_F_INT("status", status), RP_F_TEXT("error", text),
		       RP_F_INT("retryMs", wait_ns / RP_NS_PER_MS));
	if (k->reflector != NULL)
		return;
	if (status != 0)
		(void)snprintf(line, sizeof(line), "%u: %s", status, text);
	else
		(void)snprintf(line, sizeof(line), "%s", text);
	set_state(k, RP_REFLECTOR_FAILING, line);
}

/* Once may be a server that is just starting. */
static void miss(struct rp_optional_kind *k)
{
	look_in(k, LOOK_INTERVAL_NS);
	if (k->reflector != NULL && ++k->misses < LOOKS_UNTIL_GONE)
		return;
	stop_reflecting(k);
	memset(k->is_refuted, 0, sizeof(k->is_refuted));
	if (k->has_shown) {
		k->has_shown = false;
		k->ops->on_list_begin(k->user);
		k->ops->on_list_end(k->user);
	}
	if (!k->is_absence_told)
		RP_LOG(RP_V0, LOGGER,
		       "The cluster does not serve an optional kind: looking again every minute",
		       RP_F_TEXT("kind", k->plural), RP_F_TEXT("group", RP_KUBE_GROUP),
		       RP_F_TEXT("legacyGroup", RP_KUBE_GROUP_LEGACY));
	k->is_absence_told = true;
	set_state(k, RP_REFLECTOR_ABSENT, "not served");
}

/* What discovery does not tell us, a list does. */
static bool may_be_read(const struct rp_optional_kind *k, uint32_t group)
{
	return k->finding[group] == IS_SERVED ||
	       (k->finding[group] == IS_SECRET && !k->is_refuted[group]);
}

static void decide(struct rp_optional_kind *k)
{
	uint32_t group = may_be_read(k, GROUP_NEW)	? GROUP_NEW
			 : may_be_read(k, GROUP_LEGACY) ? GROUP_LEGACY
							: GROUP_NONE;
	int err = RP_OK;

	(void)rp_kube_retry_recovers(&k->retry);
	if (k->finding[GROUP_NEW] == IS_SERVED && k->finding[GROUP_LEGACY] == IS_SERVED &&
	    !k->is_twin_told) {
		k->is_twin_told = true;
		RP_LOG(RP_V0, LOGGER,
		       "Two API groups serve a kind: objects of the deprecated one are ignored",
		       RP_F_TEXT("kind", k->plural), RP_F_TEXT("group", RP_KUBE_GROUP),
		       RP_F_TEXT("legacyGroup", RP_KUBE_GROUP_LEGACY));
	}
	if (group == GROUP_NONE) {
		miss(k);
		return;
	}
	k->misses = 0;
	if (group != k->used)
		err = reflect(k, group);
	if (err != RP_OK) {
		look_again(k, 0, rp_err_text(err), 0);
		return;
	}
	if (k->used != GROUP_NEW || k->is_gone)
		look_in(k, LOOK_INTERVAL_NS);
}

static int on_resource(void *user, struct rp_bytes type RP_UNUSED, const cJSON *resource)
{
	struct rp_optional_kind *k = user;

	if (rp_bytes_equal_str(rp_kube_text(resource, "name"), k->plural))
		k->is_listed = true;
	return RP_OK;
}

static int on_too_big(void *user RP_UNUSED)
{
	return RP_ETOOBIG;
}

static const struct rp_object_feed_ops feed_ops = {on_resource, on_too_big};

static int on_data(struct rp_kube_call *c, struct rp_bytes piece)
{
	struct rp_optional_kind *k = c->user;

	return rp_object_feed_push(&k->feed, piece);
}

/* @return RP_OK: *ret_finding holds; RP_EAGAIN: nobody knows */
static int read_answer(const struct rp_optional_kind *k, const struct rp_kube_outcome *outcome,
		       enum finding *ret_finding)
{
	if (outcome->status == 404)
		*ret_finding = IS_MISSING;
	else if (outcome->status == 403)
		*ret_finding = IS_SECRET;
	else if (outcome->err == RP_OK && outcome->status == 200 &&
		 rp_object_feed_end(&k->feed) == RP_OK)
		*ret_finding = k->is_listed ? IS_SERVED : IS_MISSING;
	else
		return RP_EAGAIN;
	return RP_OK;
}

static void on_done(struct rp_kube_call *c, const struct rp_kube_outcome *outcome)
{
	struct rp_optional_kind *k = c->user;
	enum finding finding = IS_MISSING;
	int err = read_answer(k, outcome, &finding);

	rp_object_feed_fini(&k->feed);
	/* If the new group serves it, the old one decides nothing. */
	if (err != RP_OK && (k->asked == GROUP_NEW || k->finding[GROUP_NEW] != IS_SERVED)) {
		look_again(k, outcome->status,
			   outcome->status == 200 && outcome->err == RP_OK
				   ? "the discovery document is malformed"
				   : outcome->text,
			   outcome->retry_after_ns);
		return;
	}
	k->finding[k->asked] = finding;
	if (k->asked == GROUP_NEW)
		ask(k, GROUP_LEGACY);
	else
		decide(k);
}

static const struct rp_kube_call_ops call_ops = {on_data, on_done};

static void ask(struct rp_optional_kind *k, uint32_t group)
{
	char path[PATH_BYTES];
	struct rp_kube_request request = {
		.method = "GET", .path = path, .timeout_ns = LOOK_TIMEOUT_NS};
	int err;

	k->asked = group;
	k->is_listed = false;
	(void)snprintf(path, sizeof(path), "/apis/%s/" VERSION, group_name[group]);
	rp_object_feed_init_list(&k->feed, "resources", &feed_ops, k);
	err = rp_kube_call_start(k->client, &k->call, &request);
	if (err != RP_OK)
		look_again(k, 0, rp_err_text(err), 0);
}

static void on_timer(struct rp_events_timer *timer)
{
	struct rp_optional_kind *k = timer->user;

	rp_object_feed_fini(&k->feed);
	rp_kube_retry_begin(&k->retry, rp_events_now_ns(k->loop));
	ask(k, GROUP_NEW);
}

int rp_optional_kind_new(struct rp_kube_client *client, struct rp_events *loop, const char *plural,
			 const char *name_space, const struct rp_reflector_ops *ops, void *user,
			 struct rp_optional_kind **ret_kind)
{
	struct rp_optional_kind *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return RP_ENOMEM;
	k->client = client;
	k->loop = loop;
	k->ops = ops;
	k->user = user;
	k->plural = plural;
	k->used = GROUP_NONE;
	k->state = RP_REFLECTOR_LISTING;
	k->call.ops = &call_ops;
	k->call.user = k;
	k->name_space = strdup(name_space);
	rp_events_timer_init(&k->timer, on_timer, k);
	if (k->name_space == NULL) {
		rp_optional_kind_free(k);
		return RP_ENOMEM;
	}
	look_in(k, 0);
	*ret_kind = k;
	return RP_OK;
}

void rp_optional_kind_free(struct rp_optional_kind *k)
{
	if (k == NULL)
		return;
	rp_kube_call_cancel(&k->call);
	rp_object_feed_fini(&k->feed);
	rp_events_timer_cancel(k->loop, &k->timer);
	rp_reflector_free(k->reflector);
	free(k->name_space);
	free(k);
}
