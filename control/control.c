/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control/admin_http.h"
#include "control/config_source.h"
#include "control/discovery_file.h"
#include "control/log_drain.h"
#include "control/publisher.h"
#include "control/scrape.h"
#include "control/secrets.h"
#include "control/sockets.h"
#include "shm/log.h"

#define LOGGER "setup"

/* A sentence for the user, and the code that tells the supervisor that trying again is useless. */
static int refuse(const char *msg, const struct rp_diag *diag)
{
	char text[RP_DIAG_FILE_MAX + RP_DIAG_MESSAGE_MAX + 64];

	rp_diag_format(diag, text, sizeof(text));
	RP_LOG(RP_LOG_ERROR, LOGGER, msg, RP_F_TEXT("error", text));
	return RP_EXIT_CONFIG;
}

static int fault(const char *msg, int err)
{
	RP_LOG(RP_LOG_ERROR, LOGGER, msg, RP_F_TEXT("error", rp_err_text(err)));
	return RP_EXIT_FAULT;
}

static void on_signal(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	rp_events_stop(watch->user);
}

static int watch_signals(struct rp_control *c, struct rp_events_watch *watch)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	return rp_events_watch(c->loop, watch, fd, EPOLLIN, on_signal, c->loop);
}

/* Everybody hears of a publication: workers, scraping, and at the first one the supervisor, which
 * then lets requests in. */
static void on_published(struct rp_control *c)
{
	atomic_store_explicit(&c->shared.live->process.is_pool_live, 1, memory_order_release);
	for (uint32_t i = 0; i < c->settings->worker_count; i++)
		rp_eventfd_signal(RP_FD_WAKE_FIRST + (int)i);
	rp_eventfd_signal(RP_FD_SUPERVISOR);
	if (c->scrape != NULL)
		rp_scrape_set_endpoints(c->scrape, c->table);
}

static void on_endpoints(struct rp_control *c, struct rp_endpoint_set *set)
{
	rp_publisher_take_endpoints(c->publisher, set);
}

static void name_pool(struct rp_control *c)
{
	const char *name_space = c->flags.pool_namespace;

	if (name_space[0] == '\0')
		name_space = getenv("NAMESPACE");
	if (name_space == NULL || name_space[0] == '\0')
		name_space = "default";
	snprintf(c->pool_namespace, sizeof(c->pool_namespace), "%s", name_space);
	snprintf(c->pool_name, sizeof(c->pool_name), "%s",
		 c->flags.pool_name[0] != '\0' ? c->flags.pool_name : "epp");
}

/* Where endpoints come from: --endpoints-file wins over the plugin. NULL: from nowhere. */
static const char *discovery_path(const struct rp_control *c, bool *ret_is_watched)
{
	*ret_is_watched = true;
	if (c->flags.endpoints_file[0] != '\0')
		return c->flags.endpoints_file;
	*ret_is_watched = c->config.has_discovery_watch;
	return c->config.discovery_path[0] != '\0' ? c->config.discovery_path : NULL;
}

static int start_config(struct rp_control *c)
{
	static struct rp_loaded_config loaded; /* large */
	struct rp_diag diag = {0};

	if (rp_config_source_load(&c->flags, rp_publisher_next_config_generation(c->publisher),
				  &loaded, &diag) != RP_OK)
		return refuse("Failed to load the configuration", &diag);
	c->config = loaded.control;
	rp_publisher_take_config(c->publisher, loaded.blob, loaded.stats);
	free(loaded.stats);
	if (c->config.uses_deprecated_api)
		RP_LOG(RP_V0, LOGGER,
		       "The configuration uses an old apiVersion: llm-d.ai/v1alpha1 is current",
		       RP_F_TEXT("file", c->flags.config_file));
	for (uint32_t i = 0; i < c->config.warning_count; i++)
		RP_LOG(RP_V0, LOGGER, "Configuration", RP_F_TEXT("warning", c->config.warning[i]));
	return RP_EXIT_OK;
}

static int start_discovery(struct rp_control *c)
{
	struct rp_diag diag = {0};
	bool is_watched;
	bool is_strict;
	const char *path = discovery_path(c, &is_watched);

	if (path == NULL) {
		(void)rp_diag_set(
			&diag, RP_ECONFIG, 0, 0,
			"nothing says where the endpoints are: give --endpoints-file FILE, "
			"or a file-discovery plugin in the configuration (this build does "
			"not watch Kubernetes yet)");
		return refuse("Failed to validate flags", &diag);
	}
	RP_LOG(RP_V0, LOGGER, "EPP starting (file discovery mode)",
	       RP_F_INT("grpcPort", c->settings->grpc_port), RP_F_TEXT("pool", c->pool_name),
	       RP_F_TEXT("namespace", c->pool_namespace),
	       RP_F_TEXT("discoveryPlugin", "file-discovery"), RP_F_TEXT("path", path));
	/* A restarted control must not be stricter than the one that read the file before. */
	is_strict = !rp_publisher_resume(c->publisher);
	if (!is_strict)
		rp_scrape_set_endpoints(c->scrape, c->table);
	if (rp_discovery_file_new(c, path, is_watched, is_strict, on_endpoints, &c->discovery,
				  &diag) != RP_OK)
		return refuse("Failed to load the endpoints", &diag);
	return RP_EXIT_OK;
}

/*
 * The order matters: certificates before the first publication, which lets requests in; logs first
 * of all, so that workers' lines appear whatever happens here.
 */
static int start_parts(struct rp_control *c)
{
	int worker_fds[RP_WORKERS_MAX];
	struct rp_diag diag = {0};
	int code;
	int err = rp_log_drain_new(c, &c->log_drain);

	if (err == RP_OK)
		err = rp_publisher_new(c, on_published, &c->publisher);
	if (err != RP_OK)
		return fault("Cannot start", err);
	code = start_config(c);
	if (code != RP_EXIT_OK)
		return code;
	for (uint32_t i = 0; i < c->settings->worker_count; i++)
		worker_fds[i] = RP_FD_SECRETS_FIRST + (int)i;
	if (rp_secrets_new(c, worker_fds, &c->secrets, &diag) != RP_OK)
		return refuse("Failed to prepare TLS", &diag);
	err = rp_scrape_new(c, &c->scrape);
	if (err != RP_OK)
		return fault("Cannot start scraping", err);
	err = rp_admin_http_new(c, RP_FD_METRICS, &c->admin);
	if (err != RP_OK)
		return fault("Cannot serve metrics", err);
	RP_LOG(RP_V0, LOGGER, "Metrics server listening",
	       RP_F_INT("port", c->settings->metrics_port));
	return start_discovery(c);
}

static void stop_parts(struct rp_control *c)
{
	rp_admin_http_free(c->admin);
	rp_discovery_file_free(c->discovery);
	rp_scrape_free(c->scrape);
	rp_secrets_free(c->secrets);
	rp_publisher_free(c->publisher);
	rp_log_drain_free(c->log_drain);
}

int rp_control_run(int argc, char *const argv[])
{
	struct rp_control *c = calloc(1, sizeof(*c));
	struct rp_events_watch signals = {0};
	struct rp_diag diag = {0};
	int code = RP_EXIT_FAULT;
	int err;

	if (c == NULL)
		return RP_EXIT_FAULT;
	/* A metrics client, an endpoint or a reader of our log that hangs up must not end us. */
	(void)signal(SIGPIPE, SIG_IGN);
	rp_log_init(RP_V2, NULL);
	/* The supervisor has warned of whatever there is to warn of. */
	err = rp_flags_parse(argc, argv, NULL, &c->flags, &diag);
	if (err != RP_OK) {
		code = refuse("Failed to validate flags", &diag);
		goto out;
	}
	err = rp_shared_attach(true, &c->shared, &diag);
	if (err != RP_OK) {
		(void)refuse("Cannot attach to the shared segments", &diag);
		goto out;
	}
	c->settings = &c->shared.tables->settings;
	rp_log_set_verbosity((int)c->settings->verbosity);
	name_pool(c);
	err = rp_events_new(&c->loop);
	if (err == RP_OK)
		err = watch_signals(c, &signals);
	if (err != RP_OK) {
		code = fault("Cannot start", err);
		goto out;
	}
	code = start_parts(c);
	if (code == RP_EXIT_OK) {
		err = rp_events_run(c->loop);
		if (err != RP_OK)
			code = fault("The event loop failed", err);
	}
	stop_parts(c);
out:
	rp_events_free(c->loop);
	if (c->shared.live != NULL)
		rp_shared_detach(&c->shared);
	free(c);
	return code;
}
