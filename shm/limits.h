/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bound of the program, in one place. What an operator may want to change has a flag of the
 * same meaning in config/flags.def; its default stands here.
 */
#ifndef RP_SHM_LIMITS_H
#define RP_SHM_LIMITS_H

/* ---- processes ---- */
#define RP_WORKERS_MAX 64u		     /* worker slots in the segment */
#define RP_READERS_MAX (2u * RP_WORKERS_MAX) /* RCU readers: two generations of workers */

#define RP_LISTEN_BACKLOG	4096 /* the kernel cuts it to net.core.somaxconn */
#define RP_STALL_MS		1000 /* an online worker without a turn for so long is stalled */
#define RP_STALL_CHECKS		8    /* killed when seen stalled so often in a row… */
#define RP_STALL_CHECK_MS	250  /* …so far apart: a pause of the machine kills nobody */
#define RP_QUICK_DEATH_MS	1000 /* a child that lived shorter waits longer each time */
#define RP_RESPAWN_DELAY_MIN_MS 10
#define RP_RESPAWN_DELAY_MAX_MS 1000
#define RP_CONTROL_STOP_MS	5000 /* control's time to end after SIGTERM */

/* ---- endpoints ---- */
#define RP_ENDPOINTS_MAX	  16384u /* endpoint slots; --max-endpoints lowers it */
#define RP_ENDPOINT_ADDRESS_MAX	  56u	 /* "[IPv6]:port", terminated */
#define RP_ENDPOINT_NAME_MAX	  264u	 /* "<pod>-rank-<i>" or a namespace, terminated */
#define RP_ENDPOINT_LABELS_MAX	  64u	 /* labels of one endpoint */
#define RP_LABEL_BYTES_MAX	  512u	 /* key + value of one label */
#define RP_TABLE_POOL_BYTES	  (RP_ENDPOINTS_MAX * 1024u) /* strings of one table generation */
#define RP_SLOT_REST_S		  120	/* a freed endpoint slot rests so long before reuse */
#define RP_CUSTOM_FIGURES_MAX	  16u	/* different attributeKeys of all engines' customMetrics */
#define RP_LORA_NAMES_MAX	  48u	/* adapters kept per endpoint and list */
#define RP_INFLIGHT_PRODUCERS_MAX 4u	/* instances of inflight-load-producer */
#define RP_INFLIGHT_SERIES_MAX	  1024u /* of a worker: endpoint x fairness id x priority */
#define RP_INFLIGHT_TOKENS_MAX	  (INT64_C(1) << 38) /* of one request, so that sums fit */

/* ---- Kubernetes ---- */
#define RP_KUBE_SERVER_BYTES_MAX   512u	      /* URL of the API server, terminated */
#define RP_KUBE_FILE_BYTES_MAX	   (1u << 20) /* kubeconfig, token, certificate */
#define RP_KUBE_CONFIG_FILES_MAX   16u	      /* that KUBECONFIG lists */
#define RP_KUBE_HEADER_BYTES_MAX   65536u     /* of one answer */
#define RP_KUBE_RETRY_AFTER_S_MAX  600	      /* a longer Retry-After is cut to it */
#define RP_KUBE_ERROR_BODY_BYTES   4096u      /* kept of an answer that is no 2xx */
#define RP_KUBE_CALLS_MAX	   64u	      /* under way at a time */
#define RP_KUBE_OBJECT_BYTES_MAX   (3u << 20) /* one object; etcd's own bound is 1.5 MiB */
#define RP_KUBE_JSON_DEPTH_MAX	   64u
#define RP_KUBE_VERSION_BYTES_MAX  128u	      /* a resourceVersion, terminated */
#define RP_KUBE_CONTINUE_BYTES_MAX 4096u      /* a page's continue token, terminated */
#define RP_KUBE_NAME_MAX	   253u	      /* of an object (RFC 1123 subdomain) */
#define RP_KUBE_SELECTOR_BYTES_MAX 24576u     /* 64 labels of 317 + 63 bytes fit, terminated */
#define RP_KUBE_PODS_MAX	   32768u     /* kept of one selector */
#define RP_POD_ACTIVE_PORTS_MAX	   64u	      /* of a pod's annotation */
#define RP_POOL_PORTS_MAX	   8u	      /* targetPorts of a pool, --endpoint-target-ports */
#define RP_OBJECTIVES_MAX	   1024u      /* of the pool */
#define RP_REWRITES_MAX		   4096u      /* models that rewrites name */
#define RP_REWRITE_TARGETS_MAX	   16384u     /* of all rewrites */
#define RP_RULE_BUCKETS		   8192u      /* at least twice either of the two */
#define RP_RULE_POOL_BYTES	   (1u << 20) /* names in objectives and rewrites */
#define RP_REVIEWS_MAX		   1024u      /* answers kept, tokens and permissions each */
#define RP_REVIEW_TOKEN_BYTES_MAX  8192u

/* ---- configuration ---- */
#define RP_CONFIG_FILE_BYTES_MAX    (1u << 20)	 /* EndpointPickerConfig file or text */
#define RP_ENDPOINTS_FILE_BYTES_MAX (1u << 20)	 /* discovery file, as upstream */
#define RP_CONFIG_BLOB_BYTES	    (256u << 10) /* compiled form */
#define RP_PLUGINS_MAX		    64u		 /* plugin instances of a configuration */
#define RP_PLUGIN_HEADERS_MAX	    64u		 /* different request headers that plugins read */
#define RP_PROFILES_MAX		    16u
#define RP_PROFILE_PLUGINS_MAX	    32u
#define RP_PLUGIN_NAME_MAX	    171u /* bytes, as the label of plugin_duration_seconds */
#define RP_SOURCES_MAX		    16u
#define RP_EXTRACTORS_MAX	    16u /* of one source */
#define RP_PARSERS_MAX		    16u
#define RP_ENGINE_CONFIGS_MAX	    16u	     /* engineConfigs of core-metrics-extractor */
#define RP_ATTRIBUTE_KEY_MAX	    256u     /* attributeKey of a custom metric, terminated */
#define RP_TOKEN_PARAM_MAX	    1000000u /* numbers in the parameters of token-producer */
#define RP_ROLLOUT_REVISIONS_MAX    32u	     /* told apart by disaggregatedset-rollout-screener */
#define RP_ROLLOUT_ROLES_MAX	    8u	     /* its requireRoles */
#define RP_ROLLOUT_SELECTORS_MAX    6u	     /* its headerSelectors */
#define RP_PRIORITY_BANDS_MAX	    64u	     /* flowControl.priorityBands */
#define RP_CONFIG_WARNINGS_MAX	    32u
#define RP_YAML_DEPTH_MAX	    32u
#define RP_YAML_NODES_MAX	    200000u
#define RP_YAML_KEYS_MAX	    1024u /* keys of one mapping; duplicates are looked for pairwise */
#define RP_YAML_ANCHORS_MAX	    64u
#define RP_FLAG_VALUE_MAX	    4096u
#define RP_CERT_BYTES_MAX	    (48u << 10) /* PEM chain or PEM key */
#define RP_EXPRESSION_BYTES_MAX	    4096u	/* text of one expression */
#define RP_EXPRESSION_CODE_MAX	    8192u	/* compiled */
#define RP_EXPRESSION_DEPTH_MAX	    128u /* values, or open operators and brackets, at once */

/* ---- HTTP/2 and gRPC, per worker ---- */
#define RP_CONNECTIONS_MAX	      4096u	 /* ext_proc and health connections */
#define RP_STREAMS_MAX		      100000u	 /* --max-streams: open streams of a worker */
#define RP_STREAMS_PER_CONNECTION_MAX 50000u	 /* SETTINGS_MAX_CONCURRENT_STREAMS */
#define RP_H2_STREAM_WINDOW	      (1u << 20) /* SETTINGS_INITIAL_WINDOW_SIZE */
#define RP_H2_CONNECTION_WINDOW	      (16u << 20)
#define RP_H2_HEADERS_MAX	      64u /* header fields of a gRPC call */
#define RP_H2_HEADER_BYTES_MAX	      (16u << 10)
#define RP_H2_PATH_MAX		      128u
#define RP_H2_CONTROL_FRAMES_MAX      1000u  /* unanswered PING, SETTINGS, RST replies queued */
#define RP_H2_QUEUED_FRAMES_STOP      4096u  /* frames but DATA queued before reads of it stop */
#define RP_H2_QUEUED_FRAMES_MAX	      32768u /* beyond: the peer asks without reading answers */
#define RP_GRPC_RECV_MESSAGE_MAX      (4u << 20)   /* --grpc-max-recv-msg-size */
#define RP_MESSAGE_BYTES_CEILING      (1ull << 30) /* of --grpc-max-recv-msg-size, --max-body-bytes */
#define RP_HANDSHAKE_TIMEOUT_S	      10	   /* TLS and HTTP/2 preface */
#define RP_H2_RESETS_BURST_MAX	      5000u	   /* streams reset before any answer, at once */
#define RP_H2_RESETS_PER_S	      500u	   /* and then per second: more is a flood */
#define RP_H2_STREAM_OUT_BYTES	      (1u << 20) /* output of a stream beyond which its window rests */
#define RP_MEM_KEPT_BYTES_MAX	      (64u << 20) /* free memory kept for nghttp2, and for OpenSSL */
#define RP_BUSY_POLL_US_MAX	      1000000	  /* a worker's tick ends a poll sooner */
#define RP_LINGER_S		      5 /* for the last bytes to leave, and for the peer's close after ours */
#define RP_DRAIN_PING_TIMEOUT_S	      5		 /* between the two GOAWAYs (ext-proc 1.6) */
#define RP_CONNECTION_OUT_BYTES_MAX   (4u << 20) /* framed output queued before reads of it stop */

/* ---- one HTTP exchange ---- */
#define RP_HTTP_HEADERS_MAX	 100u /* header fields kept of a request */
#define RP_HTTP_HEADER_BYTES_MAX (64u << 10)
#define RP_BODY_BYTES_MAX	 (64u << 20) /* --max-body-bytes */
#define RP_BODY_PART_BYTES_MAX	 62000u	     /* reply chunk, upstream's BodyByteLimit */
#define RP_BODY_MEMORY_PERCENT	 25u	     /* of the memory limit, all bodies, all workers */
#define RP_REQUEST_ID_MAX	 128u
#define RP_MODEL_NAME_MAX	 512u
#define RP_SUBSET_ENDPOINTS_MAX	 1024u /* entries of a subset hint */
#define RP_TEST_SELECTION_MAX	 64u   /* entries of header test-epp-endpoint-selection */
#define RP_ARENA_FIRST_BYTES	 1024u
#define RP_ARENA_BLOCK_BYTES	 16384u
#define RP_ARENA_BYTES_MAX	 (8u << 20) /* parse state of one stream */

/* ---- ext_proc and health messages ---- */
#define RP_EXT_PROC_HEADER_MAP_BYTES_MAX (256u << 10) /* encoded */
#define RP_EXT_PROC_METADATA_BYTES_MAX	 (1u << 20)   /* metadata_context, encoded */
#define RP_EXT_PROC_ERROR_BYTES_MAX	 2048u	      /* text of an ImmediateResponse */
#define RP_GRPC_TICK_MS			 10	      /* deadlines are looked at no more often */
#define RP_HEALTH_WATCH_MS		 100 /* Watch callers hear of a change so late at most */
#define RP_HEALTH_SERVICE_BYTES_MAX	 256u

/* ---- decoders ---- */
#define RP_PB_DEPTH_MAX		16u /* nested Struct values of metadata */
#define RP_JSON_DEPTH_MAX	128u
#define RP_JSON_SPANS_MAX	65536u	   /* interesting spans of one body */
#define RP_PROMPTS_MAX		4096u	   /* prompts of one completions call */
#define RP_PROMPT_TOKENS_MAX	(1u << 19) /* pseudo-tokens kept of one request */
#define RP_MEDIA_FEATURES_MAX	4096u	   /* media of one prompt that are told apart */
#define RP_MEDIA_HASH_BYTES_MAX 128u	   /* of a client's hash of a medium */
#define RP_MEDIA_TOKENS_MAX	(1u << 30) /* pseudo-tokens of one of them */
#define RP_BURST_BLOCKS_MAX	65536u	   /* blocks of their prompts: the window is full beyond */
#define RP_BURST_BATCH_MAX	1024u	   /* requests of a worker that wait for each other */
#define RP_PREFIX_BLOCKS_MAX	8192u	   /* hashed blocks of one request, a ceiling over config */
#define RP_BLOCK_TOKENS_MAX	1024u	   /* larger blocks are hashed from a copy of the prompt */

/* ---- prefix index ---- */
#define RP_PREFIX_INDEX_BYTES	      (256ull << 20) /* --prefix-index-bytes */
#define RP_PREFIX_INDEX_BYTES_MIN     (64ull << 20)
#define RP_PREFIX_INDEX_BYTES_CEILING (64ull << 30)
#define RP_PREFIX_RING_MAX	      65536u /* recency ring of one endpoint, entries */
#define RP_PREFIX_RING_MIN	      256u
#define RP_PREFIX_GROWTH_S	      900u /* entries are found where they stood before the index grew */
#define RP_PREFIX_FAIR_ENDPOINTS_MIN  64u    /* rings are sized for at least so many endpoints */
#define RP_PREFIX_PROBE_MAX	      512u   /* buckets that one hash may spread over */
#define RP_PREFIX_CAPACITY	      31250u /* blocks an endpoint, upstream's default */

/* ---- item index: multimodal items by endpoint ---- */
#define RP_ITEM_INDEX_BYTES (64u << 20) /* 2,048 items each for 975 endpoints, fewer for more */
#define RP_ITEM_RING_MAX    16384u	/* entries: 8,192 items of one endpoint at most */
#define RP_ITEM_CAPACITY    2048u	/* items an endpoint, upstream's default */

/* ---- shared plugin state ---- */
#define RP_KEYED_TABLE_BUCKETS 65536u /* 4 MiB, 327,680 entries; 65,536 keys lose 1 in 1,500 */
#define RP_COLD_ORDERS_MAX     4u     /* instances of no-hit-lru-scorer */

/* ---- scraping ---- */
#define RP_SCRAPE_BODY_BYTES_MAX   (8u << 20)
#define RP_SCRAPE_HEADER_BYTES_MAX (16u << 10)
#define RP_SCRAPE_TIMEOUT_S	   1
#define RP_ENGINES_MAX		   32u /* engineConfigs elements and built-in ones */
#define RP_ENGINE_SPEC_LABELS_MAX  8u  /* label selectors of one metric spec */
#define RP_PROM_NAMES_MAX	   32u /* metric families wanted of one engine */
#define RP_PROM_LABELS_MAX	   64u /* labels of one sample */
#define RP_PROM_LINE_BYTES_MAX	   (64u << 10)

/* ---- metrics, logs, admin ---- */
#define RP_METRIC_SERIES_MAX	   1024u      /* --max-metric-series: labelled request series */
#define RP_RULED_SERIES_PART	   4u	      /* one in so many is for models that rewrites name */
#define RP_REWRITE_SERIES_MAX	   2048u      /* rewrite x model x target, of a worker */
#define RP_DECISION_SERIES_MAX	   64u	      /* plugins x models, or x selectors, in decisions */
#define RP_ENCODER_CACHES_MAX	   3u	      /* mm-embeddings-cache-producers told apart */
#define RP_DETECTOR_TELL_S	   30	      /* between log lines about stale endpoints */
#define RP_METRIC_LABEL_MAX	   128u	      /* bytes of a label value, longer ones are cut */
#define RP_LOG_RING_BYTES	   (1u << 20) /* per worker */
#define RP_LOG_RECORD_BYTES_MAX	   1024u
#define RP_LOG_LINE_BYTES_MAX	   4096u /* PIPE_BUF: one write of it is never interleaved */
#define RP_LOG_TEXT_BYTES_MAX	   512u	 /* of one string in a line, before escaping */
#define RP_LOG_ERRORS_PER_SECOND   10u	 /* of one call site and process */
#define RP_ADMIN_CONNECTIONS_MAX   64u
#define RP_ADMIN_REQUEST_BYTES_MAX (16u << 10)
#define RP_ADMIN_PAGE_BYTES_MAX	   (128u << 20) /* of /metrics; two such buffers */
#define RP_ADMIN_LINGER_BYTES_MAX  (1u << 20)	/* read and dropped after a last response */
#define RP_ADMIN_IDLE_S		   120		/* between requests */
#define RP_ADMIN_REQUEST_S	   10		/* from the first byte of a request to its last */
#define RP_ADMIN_SEND_S		   10		/* for a whole response */

/* ---- ringpick-sim ---- */
#define RP_SIM_ENDPOINTS_MAX	   4096u /* listening endpoints of one simulator */
#define RP_SIM_CONNECTIONS_MAX	   65536u
#define RP_SIM_HEAD_BYTES_MAX	   (64u << 10) /* request line and header fields */
#define RP_SIM_HEADERS_MAX	   100u
#define RP_SIM_CHUNK_LINE_MAX	   256u /* size line of a chunk, one trailer field */
#define RP_SIM_TRAILERS_MAX	   64u
#define RP_SIM_BODY_MB_MAX	   512u		/* upper end of --max-request-body-size-mb */
#define RP_SIM_OUT_BYTES_MAX	   (256u << 10) /* unsent output at which a stream pauses */
#define RP_SIM_KEEP_BYTES_MAX	   (64u << 10)	/* a buffer larger than this is freed when idle */
#define RP_SIM_LORAS_MAX	   256u		/* adapter names an endpoint has ever known */
#define RP_SIM_LORA_SERIES_MAX	   256u		/* lora_requests_info series of an endpoint */
#define RP_SIM_CHOICES_MAX	   128u		/* prompts of one call */
#define RP_SIM_MODEL_LEN_MAX	   (1u << 30)	/* upper end of --max-model-len */
#define RP_SIM_GENERATE_TOKENS_MAX (1u << 20)	/* tokens of one random answer */
#define RP_SIM_NAMES_MAX	   64u		/* --served-model-name, --listen */
#define RP_SIM_LINGER_S		   1		/* refused bodies are read so long, then cut */

/* ---- ringpick-bench ---- */
#define RP_BENCH_THREADS_MAX	   64u
#define RP_BENCH_CONNECTIONS_MAX   4096u
#define RP_BENCH_STREAMS_MAX	   200000u	/* open at once, all threads */
#define RP_BENCH_PIDS_MAX	   256u		/* --pid */
#define RP_BENCH_BODY_BYTES_MAX	   (64u << 20)	/* --body-bytes, --answer-bytes, all SSE chunks */
#define RP_BENCH_MESSAGE_BYTES_MAX (128u << 20) /* one reply of the picker */
#define RP_BENCH_PICK_MAX	   256u
#define RP_BENCH_FRAME_BYTES_MAX   (16u << 10) /* of a frame but DATA, and of a header block */
#define RP_BENCH_WORKERS_MAX	   256u	       /* workers of the server in the report */
#define RP_BENCH_PAGE_BYTES_MAX	   (16u << 20) /* --metrics-url */
#define RP_BENCH_SECONDS_MAX	   86400u      /* --duration */

#endif /* RP_SHM_LIMITS_H */
