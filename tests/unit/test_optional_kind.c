/* SPDX-License-Identifier: Apache-2.0
 *
 * The client and the reflector are played here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/kube/optional_kind.h"
#include "shm/clock.h"
#include "tests/unit/played_timers.h"

#define MS RP_NS_PER_MS
#define S  RP_NS_PER_S

#define NEW    "/apis/llm-d.ai/v1alpha2"
#define LEGACY "/apis/inference.networking.x-k8s.io/v1alpha2"
#define KIND   "/namespaces/lab/inferenceobjectives"

/* ---- the client ---- */

static struct rp_kube_call *under_way;
static char url[1024];
static int calls;

int rp_kube_call_start(struct rp_kube_client *client RP_UNUSED, struct rp_kube_call *call,
		       const struct rp_kube_request *request)
{
	assert_null(under_way);
	assert_true(request->timeout_ns > 0);
	snprintf(url, sizeof(url), "%s", request->path);
	under_way = call;
	calls++;
	return RP_OK;
}

void rp_kube_call_cancel(struct rp_kube_call *call)
{
	if (under_way == call)
		under_way = NULL;
}

static void done(int err, uint32_t status)
{
	struct rp_kube_outcome outcome = {.err = err, .status = status, .text = "said so"};
	struct rp_kube_call *call = under_way;

	assert_non_null(call);
	under_way = NULL;
	call->ops->on_done(call, &outcome);
}

static void expect_url(const char *expected)
{
	assert_non_null(under_way);
	assert_string_equal(url, expected);
}

#define DOCUMENT(resources)                                                                        \
	"{\"kind\":\"APIResourceList\",\"groupVersion\":\"g/v1alpha2\",\"resources\":[" resources  \
	"]}\n"
#define SERVED                                                                                     \
	DOCUMENT("{\"name\":\"inferencemodelrewrites\"},{\"name\":\"inferenceobjectives\","        \
		 "\"verbs\":[\"get\",\"list\"]}")

/* Answer with 200. */
static void answer(const char *expected_url, const char *document)
{
	expect_url(expected_url);
	if (under_way->ops->on_data(under_way, rp_bytes_str(document)) == RP_OK)
		done(RP_OK, 200);
	else
		done(RP_EFORMAT, 200);
}

static void refuse(const char *expected_url, uint32_t status)
{
	expect_url(expected_url);
	done(RP_OK, status);
}

/* ---- the reflector ---- */

struct rp_reflector {
	const struct rp_reflector_ops *ops;
	void *user;
	char path[256];
};

static struct rp_reflector *reflector;

int rp_reflector_new(struct rp_kube_client *client RP_UNUSED, struct rp_events *loop RP_UNUSED,
		     const struct rp_reflector_spec *spec, const struct rp_reflector_ops *ops,
		     void *user, struct rp_reflector **ret_reflector)
{
	assert_null(reflector);
	assert_true(spec->is_optional);
	assert_string_equal(spec->label_selector, "");
	assert_string_equal(spec->field_selector, "");
	reflector = calloc(1, sizeof(*reflector));
	assert_non_null(reflector);
	reflector->ops = ops;
	reflector->user = user;
	snprintf(reflector->path, sizeof(reflector->path), "%s", spec->path);
	*ret_reflector = reflector;
	return RP_OK;
}

void rp_reflector_free(struct rp_reflector *r)
{
	assert_true(r == NULL || r == reflector);
	if (r != NULL)
		reflector = NULL;
	free(r);
}

/* ---- the owner ---- */

static char heard[1024];
static struct rp_optional_kind *kind;
static enum rp_reflector_state state_now;
static bool frees_in_on_state;

static void hear(const char *what)
{
	size_t n = strlen(heard);

	snprintf(heard + n, sizeof(heard) - n, "%s ", what);
}

static void on_list_begin(void *user RP_UNUSED)
{
	hear("begin");
}

static void on_list_end(void *user RP_UNUSED)
{
	hear("end");
}

static void on_list_fail(void *user RP_UNUSED)
{
	hear("fail");
}

static void on_object(void *user RP_UNUSED, const cJSON *object)
{
	hear(object->string);
}

static void on_delete(void *user RP_UNUSED, const cJSON *object RP_UNUSED)
{
	hear("delete");
}

static void on_state(void *user RP_UNUSED, enum rp_reflector_state state,
		     const char *text RP_UNUSED)
{
	state_now = state;
	if (frees_in_on_state) {
		rp_optional_kind_free(kind);
		kind = NULL;
	}
}

static const struct rp_reflector_ops ops = {on_list_begin, on_list_end, on_list_fail,
					    on_object,	   on_delete,	on_state};

static void expect_heard(const char *text)
{
	assert_string_equal(heard, text);
	heard[0] = '\0';
}

static void begin(void)
{
	now_ns += 10000 * S;
	heard[0] = '\0';
	calls = 0;
	state_now = RP_REFLECTOR_LISTING;
	frees_in_on_state = false;
	assert_int_equal(
		rp_optional_kind_new(NULL, NULL, "inferenceobjectives", "lab", &ops, NULL, &kind),
		RP_OK);
	assert_int_equal(calls, 0);
	pass(0);
}

static void end(void)
{
	rp_optional_kind_free(kind);
	kind = NULL;
	assert_null(reflector);
	assert_null(under_way);
	expect_no_timers();
}

static void expect_reflected(const char *path)
{
	assert_non_null(reflector);
	assert_string_equal(reflector->path, path);
}

/* The reflector's list: one object of this name. */
static void list(const char *name)
{
	cJSON object = {.type = cJSON_Object, .string = (char *)(uintptr_t)name};

	reflector->ops->on_list_begin(reflector->user);
	reflector->ops->on_object(reflector->user, &object);
	reflector->ops->on_list_end(reflector->user);
	reflector->ops->on_state(reflector->user, RP_REFLECTOR_SYNCED, "");
}

static void say_absent(void)
{
	reflector->ops->on_state(reflector->user, RP_REFLECTOR_ABSENT, "404: not found");
}

static void new_group_is_used_and_not_looked_for_again(void **state)
{
	(void)state;
	begin();
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	expect_reflected(NEW KIND);
	list("gold");
	expect_heard("begin gold end ");
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	pass(3600 * S);
	assert_int_equal(calls, 2);
	end();
}

static void new_group_wins_if_both_serve_the_kind(void **state)
{
	(void)state;
	begin();
	answer(NEW, SERVED);
	answer(LEGACY, SERVED);
	expect_reflected(NEW KIND);
	end();
	begin();
	answer(NEW, SERVED);
	refuse(LEGACY, 503); /* makes no difference */
	expect_reflected(NEW KIND);
	end();
}

static void old_group_is_used_until_the_new_one_comes(void **state)
{
	(void)state;
	begin();
	answer(NEW, DOCUMENT("{\"name\":\"inferenceobjectives/status\"}"));
	answer(LEGACY, SERVED);
	expect_reflected(LEGACY KIND);
	list("old");
	expect_heard("begin old end ");
	pass(59 * S);
	assert_null(under_way);
	pass(1 * S);
	refuse(NEW, 404);
	answer(LEGACY, SERVED);
	expect_reflected(LEGACY KIND);
	pass(60 * S);
	answer(NEW, SERVED);
	reflector->ops->on_list_begin(reflector->user);
	answer(LEGACY, SERVED);
	/* What the old group's list had begun is over. */
	expect_reflected(NEW KIND);
	expect_heard("begin fail ");
	list("new");
	expect_heard("begin new end ");
	end();
}

static void kind_that_is_missing_is_looked_for_each_minute(void **state)
{
	(void)state;
	begin();
	refuse(NEW, 404);
	answer(LEGACY, DOCUMENT(""));
	assert_null(reflector);
	assert_int_equal(state_now, RP_REFLECTOR_ABSENT);
	expect_heard("");
	for (int i = 0; i < 5; i++) {
		pass(60 * S);
		refuse(NEW, 404);
		refuse(LEGACY, 404);
	}
	pass(60 * S);
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	expect_reflected(NEW KIND);
	list("gold");
	expect_heard("begin gold end ");
	end();
}

static void error_of_discovery_is_not_absence(void **state)
{
	(void)state;
	begin();
	refuse(NEW, 503);
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	pass(1600 * MS);
	answer(NEW, "<html>");
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	pass(3200 * MS);
	refuse(NEW, 404);
	done(RP_ECLOSED, 0);
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	pass(6400 * MS);
	answer(NEW, DOCUMENT(""));
	answer(LEGACY, SERVED);
	expect_reflected(LEGACY KIND);
	/* And it changes nothing of what is reflected. */
	list("old");
	pass(60 * S);
	refuse(NEW, 500);
	expect_reflected(LEGACY KIND);
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	expect_heard("begin old end ");
	end();
}

static void discovery_that_is_secret_is_replaced_by_a_try(void **state)
{
	(void)state;
	begin();
	refuse(NEW, 403);
	refuse(LEGACY, 403);
	expect_reflected(NEW KIND);
	say_absent();
	pass(0);
	refuse(NEW, 403);
	refuse(LEGACY, 403);
	expect_reflected(LEGACY KIND);
	list("old");
	expect_heard("begin old end ");
	/* The new group has to show up in discovery now. */
	pass(60 * S);
	refuse(NEW, 403);
	refuse(LEGACY, 403);
	expect_reflected(LEGACY KIND);
	end();
}

static void kind_that_goes_is_an_empty_list_after_two_looks(void **state)
{
	(void)state;
	begin();
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	list("gold");
	expect_heard("begin gold end ");
	say_absent();
	pass(0);
	refuse(NEW, 404);
	refuse(LEGACY, 404);
	expect_heard("");
	expect_reflected(NEW KIND);
	pass(60 * S);
	refuse(NEW, 404);
	refuse(LEGACY, 404);
	expect_heard("begin end ");
	assert_null(reflector);
	assert_int_equal(state_now, RP_REFLECTOR_ABSENT);
	/* Once. */
	pass(60 * S);
	refuse(NEW, 404);
	refuse(LEGACY, 404);
	expect_heard("");
	end();
}

static void kind_that_comes_back_between_two_looks_was_never_gone(void **state)
{
	(void)state;
	begin();
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	list("gold");
	say_absent();
	pass(0);
	refuse(NEW, 404);
	refuse(LEGACY, 404);
	pass(60 * S);
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	list("gold");
	expect_heard("begin gold end begin gold end ");
	pass(60 * S);
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	pass(3600 * S);
	assert_null(under_way);
	end();
}

static void it_can_be_freed_when_its_state_changes(void **state)
{
	(void)state;
	begin();
	frees_in_on_state = true;
	refuse(NEW, 500);
	end();
	begin();
	frees_in_on_state = true;
	refuse(NEW, 404);
	refuse(LEGACY, 404);
	end();
	begin();
	answer(NEW, SERVED);
	refuse(LEGACY, 404);
	frees_in_on_state = true;
	say_absent();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_group_is_used_and_not_looked_for_again),
		cmocka_unit_test(new_group_wins_if_both_serve_the_kind),
		cmocka_unit_test(old_group_is_used_until_the_new_one_comes),
		cmocka_unit_test(kind_that_is_missing_is_looked_for_each_minute),
		cmocka_unit_test(error_of_discovery_is_not_absence),
		cmocka_unit_test(discovery_that_is_secret_is_replaced_by_a_try),
		cmocka_unit_test(kind_that_goes_is_an_empty_list_after_two_looks),
		cmocka_unit_test(kind_that_comes_back_between_two_looks_was_never_gone),
		cmocka_unit_test(it_can_be_freed_when_its_state_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
