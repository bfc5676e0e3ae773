/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config/pool_flags.h"
#include "control/admin_http.h"
#include "control/config_source.h"
#include "control/config_watch.h"
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
	atomic_store_explicit(&c->shared.live->process.is_pool_live, c->is_pool_known,
			      memory_order_release);
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

static int name_pool(struct rp_control *c, struct rp_diag *diag)
{
	struct rp_pool_identity identity;
	int err = rp_pool_identity_find(&c->flags, &identity, diag);

	if (err != RP_OK)
		return err;
	snprintf(c->pool_namespace, sizeof(c->pool_namespace), "%s", identity.name_space);
	snprintf(c->pool_name, sizeof(c->pool_name), "%s", identity.name);
	return RP_OK;
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

static void log_warnings(const struct rp_control *c)
{
	if (c->config.uses_deprecated_api)
		RP_LOG(RP_V0, LOGGER,
		       "The configuration uses an old apiVersion: llm-d.ai/v1alpha1 is current",
		       RP_F_TEXT("file", c->flags.config_file));
	for (uint32_t i = 0; i < c->config.warning_count; i++)
		RP_LOG(RP_V0, LOGGER, "Configuration", RP_F_TEXT("warning", c->config.warning[i]));
}

/* Do both scrape the same pages for the same figures? */
static bool is_scraped_alike(const struct rp_config_control *a, const struct rp_config_control *b)
{
	return strcmp(a->scrape_scheme, b->scrape_scheme) == 0 &&
	       strcmp(a->scrape_path, b->scrape_path) == 0 && a->scrape_port == b->scrape_port &&
	       a->scrape_interval_ns == b->scrape_interval_ns &&
	       a->has_metrics_source == b->has_metrics_source &&
	       strcmp(a->engine_label_key, b->engine_label_key) == 0 &&
	       strcmp(a->default_engine, b->default_engine) == 0 &&
	       a->engine_count == b->engine_count &&
	       memcmp(a->engine, b->engine, sizeof(a->engine)) == 0 &&
	       memcmp(&a->attributes, &b->attributes, sizeof(a->attributes)) == 0;
}

/* Figures that nobody scrapes any more, or that now mean something else. */
static void forget_figures(const struct rp_control *c)
{
	for (uint32_t i = 0; c->table != NULL && i < c->table->endpoint_count; i++)
		rp_endpoint_metrics_clear(&c->shared.live->metrics, c->table->endpoint[i].slot);
	rp_endpoint_metrics_bump(&c->shared.live->metrics);
}

/* Scrape by the configuration that c->config has now. */
static int restart_scrape(struct rp_control *c)
{
	struct rp_scrape *scrape;
	int err = rp_scrape_new(c, &scrape);

	if (err != RP_OK)
		return err;
	rp_scrape_free(c->scrape);
	c->scrape = scrape;
	forget_figures(c);
	if (c->table != NULL)
		rp_scrape_set_endpoints(c->scrape, c->table);
	return RP_OK;
}

/* The file changed, and is good. */
static void on_config(struct rp_control *c, struct rp_loaded_config *loaded)
{
	static struct rp_config_control old; /* large */
	int err = RP_OK;

	old = c->config;
	c->config = loaded->control;
	if (!is_scraped_alike(&old, &c->config))
		err = restart_scrape(c);
	if (err != RP_OK) {
		c->config = old;
		RP_LOG(RP_LOG_ERROR, LOGGER,
		       "Cannot scrape by the new configuration: the configuration stays as it is",
		       RP_F_TEXT("error", rp_err_text(err)));
		free(loaded->blob);
		free(loaded->stats);
		return;
	}
	log_warnings(c);
	if (strcmp(old.discovery_path, c->config.discovery_path) != 0 ||
	    old.has_discovery_watch != c->config.has_discovery_watch)
		RP_LOG(RP_V0, LOGGER,
		       "Configuration: another discovery takes effect at the next start",
		       RP_F_TEXT("path", c->config.discovery_path));
	rp_publisher_take_config(c->publisher, loaded->blob, loaded->stats);
	free(loaded->stats);
}

/* Nothing but what control itself needs, as without a configuration. */
static int load_defaults(struct rp_control *c, struct rp_loaded_config *loaded)
{
	struct rp_flags flags = c->flags;
	struct rp_diag diag = {0};
	int err;

	flags.config_file = "";
	flags.config_text = "";
	err = rp_config_source_load(&flags, 1, loaded, &diag);
	if (err != RP_OK)
		return err;
	free(loaded->blob);
	free(loaded->stats);
	c->config = loaded->control;
	return RP_OK;
}

static int start_config(struct rp_control *c)
{
	static struct rp_loaded_config loaded; /* large */
	struct rp_diag diag = {0};
	uint64_t generation = rp_publisher_next_config_generation(c->publisher);
	int err = rp_config_source_load(&c->flags, generation, &loaded, &diag);

	/* A restarted control must not be stricter than the one that read the file before: what it
	 * published stays, and figures are scraped as without a file until the file is good. */
	if (err != RP_OK && generation > 1 && load_defaults(c, &loaded) == RP_OK) {
		(void)refuse("The configuration file is refused: the configuration stays as it is",
			     &diag);
		return RP_EXIT_OK;
	}
	if (err != RP_OK)
		return refuse("Failed to load the configuration", &diag);
	c->config = loaded.control;
	rp_publisher_take_config(c->publisher, loaded.blob, loaded.stats);
	free(loaded.stats);
	log_warnings(c);
	return RP_EXIT_OK;
}

static int start_file(struct rp_control *c, const char *path, bool is_watched, bool is_strict)
{
	struct rp_diag diag = {0};

	RP_LOG(RP_V0, LOGGER, "EPP starting (file discovery mode)",
	       RP_F_INT("grpcPort", c->settings->grpc_port), RP_F_TEXT("pool", c->pool_name),
	       RP_F_TEXT("namespace", c->pool_namespace),
	       RP_F_TEXT("discoveryPlugin", "file-discovery"), RP_F_TEXT("path", path));
	c->is_pool_known = true;
	if (rp_discovery_file_new(c, path, is_watched, is_strict, on_endpoints, &c->discovery,
				  &diag) != RP_OK)
		return refuse("Failed to load the endpoints", &diag);
	return RP_EXIT_OK;
}

static int start_discovery(struct rp_control *c)
{
	struct rp_diag diag = {0};
	bool is_watched;
	bool is_resumed = rp_publisher_resume(c->publisher);
	const char *path = discovery_path(c, &is_watched);

	if (is_resumed)
		rp_scrape_set_endpoints(c->scrape, c->table);
	/* A restarted control must not be stricter than the one that read the file before. */
	if (path != NULL)
		return start_file(c, path, is_watched, !is_resumed);
	(void)rp_diag_set(&diag, RP_ECONFIG, 0, 0,
			  "nothing says where the endpoints are: give --endpoints-file FILE, "
			  "or a file-discovery plugin in the configuration (this build does "
			  "not watch Kubernetes yet)");
	return refuse("Failed to validate flags", &diag);
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
	err = rp_config_watch_new(c, on_config, &c->config_watch);
	if (err != RP_OK)
		return fault("Cannot watch the configuration file", err);
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
	rp_config_watch_free(c->config_watch);
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
	if (name_pool(c, &diag) != RP_OK) {
		code = refuse("Failed to validate flags", &diag);
		goto out;
	}
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
