/* SPDX-License-Identifier: Apache-2.0 */
#include "control/file_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "shm/clock.h"

enum { BURST_FACTOR = 10 };

static struct rp_file_stamp look_at(const char *path)
{
	struct rp_file_stamp stamp;
	struct stat st;

	memset(&stamp, 0, sizeof(stamp)); /* padding too: stamps are compared as bytes */
	if (stat(path, &st) == 0) {
		stamp.device = st.st_dev;
		stamp.inode = st.st_ino;
		stamp.bytes = st.st_size;
		stamp.modified = st.st_mtim;
		stamp.changed = st.st_ctim;
	}
	return stamp;
}

/* Look at all files; true if one differs from the last look. */
static bool has_changed(struct rp_file_watch *watch)
{
	bool is_changed = false;

	for (uint32_t i = 0; i < watch->file_count; i++) {
		struct rp_file_stamp stamp = look_at(watch->path[i]);

		if (memcmp(&stamp, &watch->stamp[i], sizeof(stamp)) != 0)
			is_changed = true;
		watch->stamp[i] = stamp;
	}
	return is_changed;
}

static void watch_directory(struct rp_file_watch *watch)
{
	if (watch->inotify_fd >= 0)
		watch->directory_watch = inotify_add_watch(
			watch->inotify_fd, watch->directory,
			IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO |
				IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

static void note_change(struct rp_file_watch *watch)
{
	int64_t now_ns = rp_events_now_ns(watch->loop);
	int64_t call_ns = now_ns + watch->quiet_ns;

	if (!watch->quiet.is_set)
		watch->first_event_ns = now_ns;
	if (call_ns > watch->first_event_ns + BURST_FACTOR * watch->quiet_ns)
		call_ns = watch->first_event_ns + BURST_FACTOR * watch->quiet_ns;
	rp_events_timer_set(watch->loop, &watch->quiet, call_ns);
}

static bool is_ours(const struct rp_file_watch *watch, const struct inotify_event *event)
{
	for (uint32_t i = 0; event->len != 0 && i < watch->file_count; i++) {
		const char *slash = strrchr(watch->path[i], '/');

		if (strcmp(event->name, slash == NULL ? watch->path[i] : slash + 1) == 0)
			return true;
	}
	return false;
}

/* An event of another name counts if our files look different since: they may be symlinks. */
static void on_events(struct rp_events_watch *loop_watch, uint32_t events RP_UNUSED)
{
	struct rp_file_watch *watch = loop_watch->user;
	_Alignas(struct inotify_event) char buf[4096];
	bool is_changed = false;
	ssize_t n;

	while ((n = read(loop_watch->fd, buf, sizeof(buf))) > 0) {
		const struct inotify_event *event;

		for (ssize_t at = 0; at + (ssize_t)sizeof(*event) <= n;
		     at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(buf + at);
			if ((event->mask & IN_MOVE_SELF) != 0)
				(void)inotify_rm_watch(loop_watch->fd, event->wd);
			if ((event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0 &&
			    event->wd == watch->directory_watch)
				watch->directory_watch = -1;
			is_changed = is_changed || is_ours(watch, event);
		}
	}
	if (has_changed(watch) || is_changed)
		note_change(watch);
}

static void on_quiet(struct rp_events_timer *timer)
{
	struct rp_file_watch *watch = timer->user;

	(void)has_changed(watch); /* the reader sees at least this state */
	watch->fn(watch->user);
}

static void on_look(struct rp_events_timer *timer)
{
	struct rp_file_watch *watch = timer->user;

	rp_events_timer_set(watch->loop, timer, rp_events_now_ns(watch->loop) + RP_NS_PER_S);
	if (watch->directory_watch < 0)
		watch_directory(watch);
	if (has_changed(watch))
		note_change(watch);
}

int rp_file_watch_start(struct rp_file_watch *watch, struct rp_events *loop,
			const char *const *path, uint32_t file_count, int64_t quiet_ns,
			rp_file_watch_fn *fn, void *user)
{
	const char *slash;
	int err;

	RP_ASSERT(file_count >= 1 && file_count <= RP_FILE_WATCH_FILES_MAX);
	*watch = (struct rp_file_watch){.loop = loop,
					.fn = fn,
					.user = user,
					.quiet_ns = quiet_ns,
					.inotify_fd = -1,
					.directory_watch = -1,
					.file_count = file_count};
	for (uint32_t i = 0; i < file_count; i++) {
		int n = snprintf(watch->path[i], sizeof(watch->path[i]), "%s", path[i]);

		if (n < 0 || (size_t)n >= sizeof(watch->path[i]))
			return RP_ETOOBIG;
	}
	slash = strrchr(path[0], '/');
	if (slash == NULL)
		snprintf(watch->directory, sizeof(watch->directory), ".");
	else
		snprintf(watch->directory, sizeof(watch->directory), "%.*s/",
			 (int)(slash - path[0]), path[0]);
	rp_events_timer_init(&watch->quiet, on_quiet, watch);
	rp_events_timer_init(&watch->look, on_look, watch);
	watch->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->inotify_fd >= 0) {
		err = rp_events_watch(loop, &watch->watch, watch->inotify_fd, EPOLLIN, on_events,
				      watch);
		if (err != RP_OK) {
			close(watch->inotify_fd);
			watch->inotify_fd = -1;
			return err;
		}
	}
	watch_directory(watch);
	(void)has_changed(watch);
	rp_events_timer_set(loop, &watch->look, rp_events_now_ns(loop) + RP_NS_PER_S);
	return RP_OK;
}

void rp_file_watch_stop(struct rp_file_watch *watch)
{
	if (watch->loop == NULL)
		return;
	rp_events_timer_cancel(watch->loop, &watch->quiet);
	rp_events_timer_cancel(watch->loop, &watch->look);
	if (watch->inotify_fd >= 0) {
		rp_events_unwatch(watch->loop, &watch->watch);
		close(watch->inotify_fd);
	}
	*watch = (struct rp_file_watch){0};
}
