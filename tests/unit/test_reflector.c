/* SPDX-License-Identifier: Apache-2.0
 *
 * The client is played here: calls are answered by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/kube/reflector.h"
#include "shm/clock.h"
#include "tests/unit/played_timers.h"

#define MS RP_NS_PER_MS
#define S  RP_NS_PER_S

/* ---- the client ---- */

static struct rp_kube_call *under_way; /* NULL: none */
static int calls;		       /* started so far */
static char url[65536];
static int64_t url_timeout_ns;
static int start_err;

int rp_kube_call_start(struct rp_kube_client *client RP_UNUSED, struct rp_kube_call *call,
		       const struct rp_kube_request *request)
{
	assert_null(under_way);
	assert_string_equal(request->method, "GET");
	calls++;
	if (start_err != RP_OK)
		return start_err;
	snprintf(url, sizeof(url), "%s", request->path);
	url_timeout_ns = request->timeout_ns;
	under_way = call;
	return RP_OK;
}

void rp_kube_call_cancel(struct rp_kube_call *call)
{
	if (under_way == call)
		under_way = NULL;
}

static void done(int err, uint32_t status, const char *text, int64_t retry_after_ns)
{
	struct rp_kube_outcome outcome = {
		.err = err, .status = status, .text = text, .retry_after_ns = retry_after_ns};
	struct rp_kube_call *call = under_way;

	assert_non_null(call);
	under_way = NULL;
	call->ops->on_done(call, &outcome);
}

/* A piece of a 2xx answer; an error ends the call, as the client does. */
static void data(const char *text)
{
	int err;

	assert_non_null(under_way);
	err = under_way->ops->on_data(under_way, rp_bytes_str(text));
	if (err != RP_OK)
		done(err, 200, "ended by the reader", 0);
}

static void answer(const char *text)
{
	int before = calls;

	data(text);
	if (calls == before && under_way != NULL)
		done(RP_OK, 200, "", 0);
}

static void refuse(uint32_t status, const char *text)
{
	done(RP_OK, status, text, 0);
}

static void reset(void)
{
	done(RP_ECLOSED, 200, "connection reset by peer", 0);
}

/* ---- the owner ---- */

static char heard[8192];
static struct rp_reflector *reflector;
static enum rp_reflector_state state_now;
static char text_now[1024];
static bool frees_in_on_state;

static void hear(const char *what, const cJSON *object)
{
	const cJSON *metadata = cJSON_GetObjectItem(object, "metadata");
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(metadata, "name"));
	size_t n = strlen(heard);

	snprintf(heard + n, sizeof(heard) - n, "%s%s ", what, name != NULL ? name : "");
}

static void on_list_begin(void *user RP_UNUSED)
{
	hear("begin", NULL);
}

static void on_list_end(void *user RP_UNUSED)
{
	hear("end", NULL);
}

static void on_list_fail(void *user RP_UNUSED)
{
	hear("fail", NULL);
}

static void on_object(void *user RP_UNUSED, const cJSON *object)
{
	hear("+", object);
}

static void on_delete(void *user RP_UNUSED, const cJSON *object)
{
	hear("-", object);
}

static void on_state(void *user RP_UNUSED, enum rp_reflector_state state, const char *text)
{
	assert_true(state != state_now || strcmp(text, text_now) != 0);
	state_now = state;
	snprintf(text_now, sizeof(text_now), "%s", text);
	if (frees_in_on_state) {
		rp_reflector_free(reflector);
		reflector = NULL;
	}
}

static const struct rp_reflector_ops ops = {on_list_begin, on_list_end, on_list_fail,
					    on_object,	   on_delete,	on_state};

static void expect_heard(const char *text)
{
	assert_string_equal(heard, text);
	heard[0] = '\0';
}

static void expect_url(const char *begin)
{
	if (under_way == NULL || strncmp(url, begin, strlen(begin)) != 0)
		fail_msg("%s, not %s", under_way == NULL ? "no call" : url, begin);
}

#define PODS	     "/api/v1/namespaces/lab/pods"
#define LIST_URL     PODS "?limit=500"
#define LIST_ANY_URL PODS "?limit=500&resourceVersion=0"
#define WATCH_URL    PODS "?watch=1&allowWatchBookmarks=true&timeoutSeconds="

static void expect_list(void)
{
	expect_url(LIST_URL);
	assert_string_equal(url, LIST_URL);
}

static void expect_watch(const char *version)
{
	const char *at = url + strlen(WATCH_URL);
	char tail[256];
	long timeout_s;
	char *end;

	expect_url(WATCH_URL);
	timeout_s = strtol(at, &end, 10);
	assert_in_range(timeout_s, 300, 600);
	assert_true(url_timeout_ns > timeout_s * S && url_timeout_ns <= (timeout_s + 60) * S);
	snprintf(tail, sizeof(tail), "&resourceVersion=%s", version);
	assert_string_equal(end, tail);
}

static void begin_with(const char *label_selector, const char *field_selector, bool is_optional)
{
	struct rp_reflector_spec spec = {.what = "pods",
					 .path = PODS,
					 .label_selector = label_selector,
					 .field_selector = field_selector,
					 .is_optional = is_optional};

	now_ns += 1000 * S;
	calls = 0;
	heard[0] = '\0';
	state_now = RP_REFLECTOR_LISTING;
	text_now[0] = '\0';
	start_err = RP_OK;
	frees_in_on_state = false;
	assert_int_equal(rp_reflector_new(NULL, NULL, &spec, &ops, NULL, &reflector), RP_OK);
	assert_int_equal(calls, 0);
	pass(0);
}

static void begin(void)
{
	begin_with("", "", false);
}

static void end(void)
{
	rp_reflector_free(reflector);
	reflector = NULL;
	assert_null(under_way);
	expect_no_timers();
}

#define OBJECT(name, version)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" OBJECT(name, version) "}\n"
#define LIST(version, items)                                                                       \
	"{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define PAGE(version, next, items)                                                                 \
	"{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" next                  \
	"\"},\"items\":[" items "]}"
#define ERROR_EVENT(code, reason)                                                                  \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" code ",\"reason\":"        \
	"\"" reason "\",\"message\":\"told so\"}}\n"

/* Listed a and b at version 10, watching. */
static void begin_synced(void)
{
	begin();
	answer(LIST("10", OBJECT("a", "3") "," OBJECT("b", "4")));
	expect_heard("begin +a +b end ");
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	expect_watch("10");
}

/* The time until the next call. */
static int64_t wait_for_call(void)
{
	int64_t start_ns = now_ns;
	int before = calls;

	assert_null(under_way);
	while (calls == before) {
		pass(10 * MS);
		assert_true(now_ns - start_ns < 700 * S);
	}
	return now_ns - start_ns;
}

static void expect_wait(int64_t least_ns, int64_t most_ns)
{
	int64_t wait_ns = wait_for_call();

	assert_in_range(wait_ns, least_ns, most_ns + 10 * MS);
}

static void it_lists_then_watches_from_there(void **state)
{
	(void)state;
	begin();
	assert_string_equal(url, LIST_ANY_URL);
	answer(LIST("10", OBJECT("a", "3")));
	expect_heard("begin +a end ");
	expect_watch("10");
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	data(EVENT("ADDED", "b", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13"));
	expect_heard("+b +a -b ");
	end();
}

static void empty_list_is_a_list(void **state)
{
	(void)state;
	begin();
	answer("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":null}");
	expect_heard("begin end ");
	expect_watch("1");
	end();
}

static void selectors_are_encoded(void **state)
{
	(void)state;
	begin_with("app=z,x/y in (a, b)", "metadata.name=p7", false);
	assert_string_equal(url, LIST_ANY_URL
			    "&labelSelector=app%3Dz%2Cx%2Fy%20in%20%28a%2C%20b%29&fieldSelector="
			    "metadata.name%3Dp7");
	end();
}

static void pages_are_one_list(void **state)
{
	(void)state;
	begin();
	answer(PAGE("10", "t+/=", OBJECT("a", "1")));
	assert_string_equal(url, LIST_URL "&continue=t%2B%2F%3D");
	answer(PAGE("10", "u", OBJECT("b", "1")));
	assert_string_equal(url, LIST_URL "&continue=u");
	answer(LIST("10", OBJECT("c", "1")));
	expect_heard("begin +a +b +c end ");
	expect_watch("10");
	end();
}

static void expiry_while_paging_lists_from_scratch_and_consistently(void **state)
{
	(void)state;
	begin();
	answer(PAGE("10", "t", OBJECT("a", "1")));
	refuse(410, "The provided continue parameter is too old");
	expect_heard("begin +a fail ");
	expect_list();
	answer(PAGE("20", "u", OBJECT("b", "1")));
	answer(LIST("20", OBJECT("c", "1")));
	expect_heard("begin +b +c end ");
	expect_watch("20");
	end();
}

static void list_that_expires_again_and_again_is_tried_with_waits(void **state)
{
	(void)state;
	begin();
	refuse(410, "Expired");
	expect_list();
	refuse(410, "Expired");
	expect_wait(800 * MS, 1600 * MS);
	expect_list();
	expect_heard("");
	end();
}

static void list_that_fails_half_way_is_dropped(void **state)
{
	(void)state;
	begin();
	data("{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" OBJECT("a", "1") ",");
	reset();
	expect_heard("begin +a fail ");
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	assert_string_equal(text_now, "connection reset by peer");
	expect_wait(800 * MS, 1600 * MS);
	assert_string_equal(url, LIST_ANY_URL);
	answer(LIST("10", OBJECT("b", "1")));
	expect_heard("begin +b end ");
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	end();
}

static void answer_that_is_no_list_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"<html>",
		"{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Failure\"}",
		"{\"items\":[]}",
		"{\"metadata\":{\"resourceVersion\":\"0\"},\"items\":[]}",
		"{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]",
		"{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[{},7]}",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++) {
		begin();
		answer(bad[i]);
		assert_null(strstr(heard, "end"));
		assert_true(heard[0] == '\0' || strstr(heard, "fail ") != NULL);
		assert_int_equal(state_now, RP_REFLECTOR_FAILING);
		expect_wait(800 * MS, 1600 * MS);
		end();
	}
}

static void waits_double_up_to_half_a_minute_and_start_over_after_health(void **state)
{
	int64_t least_ns = 800 * MS;

	(void)state;
	begin_synced();
	for (int i = 0; i < 12; i++) {
		done(RP_ECLOSED, 0, "connection refused", 0);
		expect_wait(least_ns, 2 * least_ns);
		expect_watch("10");
		least_ns = least_ns * 2 < 30 * S ? least_ns * 2 : 30 * S;
	}
	pass(119 * S);
	done(RP_ECLOSED, 0, "connection refused", 0);
	expect_wait(30 * S, 60 * S);
	pass(120 * S);
	done(RP_ECLOSED, 0, "connection refused", 0);
	expect_wait(800 * MS, 1600 * MS);
	expect_heard("");
	end();
}

static void watch_that_ends_well_goes_on_from_the_last_bookmark_at_once(void **state)
{
	(void)state;
	begin_synced();
	for (int i = 0; i < 9; i++) {
		pass(60 * S);
		data(i < 8 ? EVENT("BOOKMARK", "", "20") : EVENT("BOOKMARK", "", "21"));
	}
	done(RP_OK, 200, "", 0);
	expect_watch("21");
	expect_heard("");
	assert_int_equal(calls, 3);
	end();
}

static void watch_that_ends_within_a_second_waits(void **state)
{
	(void)state;
	begin_synced();
	pass(900 * MS);
	done(RP_OK, 200, "", 0);
	expect_wait(800 * MS, 1600 * MS);
	expect_watch("10");
	pass(1100 * MS);
	done(RP_OK, 200, "", 0);
	expect_watch("10");
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	end();
}

static void expired_event_lists_again_without_a_word_of_deletion(void **state)
{
	static const char *const events[] = {ERROR_EVENT("410", "Expired"),
					     ERROR_EVENT("0", "Gone"), ERROR_EVENT("410", "")};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(events); i++) {
		begin_synced();
		data(events[i]);
		expect_heard("");
		expect_list();
		assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
		answer(LIST("30", OBJECT("a", "3")));
		expect_heard("begin +a end ");
		expect_watch("30");
		end();
	}
}

static void watch_refused_with_410_lists_again(void **state)
{
	(void)state;
	begin_synced();
	refuse(410, "too old resource version");
	expect_list();
	answer(LIST("30", ""));
	/* And again, before any watch has worked: no busy loop. */
	refuse(410, "too old resource version");
	expect_wait(800 * MS, 1600 * MS);
	expect_list();
	end();
}

static void other_error_event_waits_and_goes_on(void **state)
{
	(void)state;
	begin_synced();
	data(EVENT("ADDED", "c", "11") ERROR_EVENT("500", "InternalError"));
	expect_heard("+c ");
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	assert_string_equal(text_now, "500: told so");
	expect_wait(800 * MS, 1600 * MS);
	expect_watch("11");
	data("{\"type\":\"ERROR\",\"object\":{\"code\":429,\"details\":{\"retryAfterSeconds\":7}}"
	     "}");
	expect_wait(7 * S, 7 * S);
	expect_watch("11");
	end();
}

static void watch_reset_within_a_line_goes_on_from_the_last_whole_one(void **state)
{
	(void)state;
	begin_synced();
	data(EVENT("ADDED", "c", "11") "{\"type\":\"DELETED\",\"object\":{\"meta");
	reset();
	expect_heard("+c ");
	expect_wait(800 * MS, 1600 * MS);
	expect_watch("11");
	data(EVENT("DELETED", "a", "12"));
	expect_heard("-a ");
	pass(0);
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	/* The same without an error of the transport. */
	data("{\"type\":");
	pass(5 * S);
	done(RP_OK, 200, "", 0);
	expect_wait(800 * MS, 3200 * MS);
	expect_watch("12");
	end();
}

static void malformed_line_waits_and_if_it_comes_again_lists(void **state)
{
	(void)state;
	begin_synced();
	data(EVENT("ADDED", "c", "11"));
	data("oops\n");
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	expect_wait(800 * MS, 1600 * MS);
	expect_watch("11");
	data("oops\n");
	expect_wait(1600 * MS, 3200 * MS);
	expect_list();
	end();
}

static void event_without_a_version_keeps_the_last_one(void **state)
{
	(void)state;
	begin_synced();
	data("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}");
	data("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"y\",\"resourceVersion\":9}}"
	     "}");
	data(EVENT("NOVELTY", "z", "0"));
	pass(2 * S);
	done(RP_OK, 200, "", 0);
	expect_heard("+x +y ");
	expect_watch("10");
	end();
}

static void event_that_is_too_big_lists_again(void **state)
{
	size_t room = RP_KUBE_OBJECT_BYTES_MAX + 100;
	char *big = malloc(room);

	(void)state;
	assert_non_null(big);
	snprintf(big, room, "{\"type\":\"MODIFIED\",\"object\":{\"x\":\"%*s\"}}\n",
		 (int)RP_KUBE_OBJECT_BYTES_MAX, "");
	begin_synced();
	data(big);
	expect_heard("");
	expect_wait(800 * MS, 1600 * MS);
	expect_list();
	free(big);
	end();
}

static void too_many_requests_wait_as_long_as_the_server_says(void **state)
{
	(void)state;
	begin();
	done(RP_OK, 429, "slow down", 20 * S);
	expect_wait(20 * S, 20 * S);
	answer(LIST("10", ""));
	done(RP_OK, 429, "slow down", 9 * S);
	assert_string_equal(text_now, "429: slow down");
	expect_wait(9 * S, 9 * S);
	expect_watch("10");
	end();
}

static void refusal_of_a_mandatory_kind_is_tried_again_within_a_minute(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 20; i++) {
		refuse(403, "pods is forbidden");
		assert_int_equal(state_now, RP_REFLECTOR_DENIED);
		assert_string_equal(text_now, "403: pods is forbidden");
		assert_true(wait_for_call() <= 60 * S + 10 * MS);
	}
	answer(LIST("10", ""));
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	end();
}

static void refusal_of_an_optional_kind_is_tried_again_at_distances_up_to_five_minutes(void **state)
{
	int64_t wait_ns = 0;

	(void)state;
	begin_with("", "", true);
	for (int i = 0; i < 12; i++) {
		refuse(403, "forbidden");
		wait_ns = wait_for_call();
		assert_true(wait_ns <= 600 * S + 10 * MS);
	}
	assert_true(wait_ns >= 300 * S);
	refuse(404, "not found");
	assert_int_equal(state_now, RP_REFLECTOR_ABSENT);
	expect_wait(60 * S, 60 * S);
	refuse(404, "not found");
	expect_wait(60 * S, 60 * S);
	end();
}

static void watch_that_is_refused_is_made_up_for_by_lists(void **state)
{
	(void)state;
	begin_synced();
	refuse(403, "cannot watch");
	assert_int_equal(state_now, RP_REFLECTOR_DENIED);
	expect_wait(800 * MS, 1600 * MS);
	expect_list();
	answer(LIST("11", OBJECT("a", "3")));
	expect_heard("begin +a end ");
	assert_int_equal(state_now, RP_REFLECTOR_DENIED); /* still */
	refuse(403, "cannot watch");
	expect_wait(1600 * MS, 3200 * MS);
	answer(LIST("11", OBJECT("a", "3")));
	data(EVENT("BOOKMARK", "", "12"));
	pass(0);
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	end();
}

static void server_that_fails_for_minutes_takes_nothing_away(void **state)
{
	(void)state;
	begin_synced();
	for (int i = 0; i < 30; i++) {
		done(RP_OK, 500 + (uint32_t)i % 5, "storm", 0);
		(void)wait_for_call();
		expect_watch("10");
	}
	expect_heard("");
	data(ERROR_EVENT("410", "Expired"));
	expect_list();
	done(RP_OK, 503, "storm", 0);
	(void)wait_for_call();
	data("{\"metadata\":{\"resourceVersion\":\"30\"},\"items\":[" OBJECT("a", "1"));
	reset();
	expect_heard("begin +a fail ");
	(void)wait_for_call();
	answer(LIST("31", OBJECT("b", "1")));
	expect_heard("begin +b end ");
	end();
}

static void quiet_watch_works_if_it_outlives_connecting(void **state)
{
	(void)state;
	begin_synced();
	reset();
	(void)wait_for_call();
	pass(14 * S);
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	pass(2 * S);
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	expect_watch("10");
	assert_int_equal(calls, 3);
	end();
}

static void list_after_a_broken_watch_is_enough(void **state)
{
	(void)state;
	begin_synced();
	reset();
	(void)wait_for_call();
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	refuse(410, "too old resource version");
	answer(LIST("20", OBJECT("a", "3")));
	assert_int_equal(state_now, RP_REFLECTOR_SYNCED);
	expect_watch("20");
	end();
}

static void silent_watch_is_opened_again_if_bookmarks_are_due(void **state)
{
	(void)state;
	begin_synced();
	pass(299 * S);
	assert_int_equal(calls, 2);
	data(EVENT("BOOKMARK", "", "15"));
	pass(149 * S);
	assert_int_equal(calls, 2);
	pass(2 * S);
	assert_int_equal(calls, 3);
	expect_watch("15");
	pass(140 * S);
	data(EVENT("ADDED", "c", "16"));
	pass(149 * S);
	assert_int_equal(calls, 3);
	end();
}

static void call_that_cannot_be_started_is_tried_again(void **state)
{
	(void)state;
	begin();
	start_err = RP_ENOMEM;
	answer(LIST("10", ""));
	expect_heard("begin end ");
	assert_int_equal(state_now, RP_REFLECTOR_FAILING);
	(void)wait_for_call();
	start_err = RP_OK;
	(void)wait_for_call();
	expect_watch("10");
	end();
}

static void it_can_be_freed_when_its_state_changes(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		begin();
		frees_in_on_state = i != 3 && i != 4;
		if (i == 0) {
			answer(LIST("10", OBJECT("a", "1")));
		} else if (i == 1) {
			refuse(403, "no");
		} else if (i == 2) {
			answer("oops");
		} else if (i == 5) {
			start_err = RP_ENOMEM;
			answer(LIST("10", ""));
		} else {
			answer(LIST("10", OBJECT("a", "1")));
			frees_in_on_state = i == 3;
			data(ERROR_EVENT("500", ""));
			if (i == 4) {
				(void)wait_for_call();
				frees_in_on_state = true;
				data(EVENT("ADDED", "b", "11"));
				pass(0);
			}
		}
		assert_null(reflector);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_lists_then_watches_from_there),
		cmocka_unit_test(empty_list_is_a_list),
		cmocka_unit_test(selectors_are_encoded),
		cmocka_unit_test(pages_are_one_list),
		cmocka_unit_test(expiry_while_paging_lists_from_scratch_and_consistently),
		cmocka_unit_test(list_that_expires_again_and_again_is_tried_with_waits),
		cmocka_unit_test(list_that_fails_half_way_is_dropped),
		cmocka_unit_test(answer_that_is_no_list_is_none),
		cmocka_unit_test(waits_double_up_to_half_a_minute_and_start_over_after_health),
		cmocka_unit_test(watch_that_ends_well_goes_on_from_the_last_bookmark_at_once),
		cmocka_unit_test(watch_that_ends_within_a_second_waits),
		cmocka_unit_test(expired_event_lists_again_without_a_word_of_deletion),
		cmocka_unit_test(watch_refused_with_410_lists_again),
		cmocka_unit_test(other_error_event_waits_and_goes_on),
		cmocka_unit_test(watch_reset_within_a_line_goes_on_from_the_last_whole_one),
		cmocka_unit_test(malformed_line_waits_and_if_it_comes_again_lists),
		cmocka_unit_test(event_without_a_version_keeps_the_last_one),
		cmocka_unit_test(event_that_is_too_big_lists_again),
		cmocka_unit_test(too_many_requests_wait_as_long_as_the_server_says),
		cmocka_unit_test(refusal_of_a_mandatory_kind_is_tried_again_within_a_minute),
		cmocka_unit_test(
			refusal_of_an_optional_kind_is_tried_again_at_distances_up_to_five_minutes),
		cmocka_unit_test(watch_that_is_refused_is_made_up_for_by_lists),
		cmocka_unit_test(server_that_fails_for_minutes_takes_nothing_away),
		cmocka_unit_test(quiet_watch_works_if_it_outlives_connecting),
		cmocka_unit_test(list_after_a_broken_watch_is_enough),
		cmocka_unit_test(silent_watch_is_opened_again_if_bookmarks_are_due),
		cmocka_unit_test(call_that_cannot_be_started_is_tried_again),
		cmocka_unit_test(it_can_be_freed_when_its_state_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
