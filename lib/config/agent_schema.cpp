#include "base/limits.hpp"
#include "config/agent_config.hpp"
#include "config/include_keys.hpp"
#include "config/log_keys.hpp"
#include "config/notify_keys.hpp"

namespace farkeep {
namespace {

using enum SettingType;

constexpr std::string_view kModes[] = {"direct", "socks", "mapped", "http"};  // in the order of ConnectionMode
static_assert(static_cast<int>(ConnectionMode::http) == 3);
constexpr std::string_view kSocksVersions[] = {"5", "4"};
constexpr std::string_view kIoPriorities[] = {"normal", "low", "idle"};  // in the order of IoPriority
constexpr std::string_view kCompressions[] = {"auto", "fast", "best", "off"};  // in the order of Compression
static_assert(static_cast<int>(Compression::off) == 3);

constexpr KeySpec kAgent[] = {
    {.key = "state",
     .type = path,
     .fallback = "/var/lib/farkeep",
     .help = "The folder for identity, journal and caches, which only the agent may read."},
    {.key = "name",
     .type = label,
     .example = "web1.example.org",
     .help = "The name under which this machine is listed; without it, the machine's host name."},
    {.key = "upload_threads",
     .type = number,
     .fallback = "0",
     .help = "Threads that cut, compress and seal data; 0 is one for each core.",
     .most = 256},
    kLogLevelKey,
    kLogFormatKey,
    {.key = "metrics_file",
     .type = path,
     .example = "/run/farkeep/farkeep.prom",
     .help = "A file for Prometheus, such as the node exporter's textfile collector reads it; the daemon writes it after every run and once a minute."},
};

constexpr KeySpec kRegistration[] = {
    {.key = "server",
     .type = server,
     .example = "192.0.2.10",
     .help =
         "A server of the registration pair as ip or ip:port (port 16384 unless written): the first is the primary, "
         "the second the alternate.",
     .required = true,
     .repeatable = true},
    {.key = "ca_file",
     .type = path,
     .example = "/etc/farkeep/ca.pem",
     .help = "The certificate of the data centres' own authority (PEM), the only one that the agent trusts, with those that it says follow it.",
     .required = true},
    {.key = "token",
     .type = secret,
     .example = "XXXX-XXXX-XXXX",
     .help = "The enrolment token itself; of token, token_file and token_command only one may be given."},
    {.key = "token_file",
     .type = path,
     .example = "/etc/farkeep/token",
     .help = "A file whose first line is the enrolment token."},
    {.key = "token_command",
     .type = command,
     .example = "/usr/local/bin/print-farkeep-token",
     .help = "A command whose first line of output is the enrolment token."},
};

constexpr KeySpec kEscrow[] = {
    {.key = "public_key_file",
     .type = path,
     .example = "/etc/farkeep/escrow.pub",
     .help = "The organisation's public key (PEM); whoever has its private half can recover this machine's backups."},
};

constexpr KeySpec kDeployment[] = {
    {.key = "bundle", .type = label, .example = "web", .help = "The bundle of farkeep-deploy from which these settings came."},
    {.key = "digest",
     .type = label,
     .example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     .help = "SHA-256 of the settings as they were deployed, by which farkeep status sees that they were changed since."},
};

constexpr KeySpec kPassword{.key = "password",
                            .type = secret,
                            .example = "XXXX",
                            .help = "The user's password; of password, password_file and password_command only one may be given."};
constexpr KeySpec kPasswordFile{.key = "password_file",
                                .type = path,
                                .example = "/etc/farkeep/proxy-password",
                                .help = "A file whose first line is the password."};
constexpr KeySpec kPasswordCommand{.key = "password_command",
                                   .type = command,
                                   .example = "/usr/local/bin/print-proxy-password",
                                   .help = "A command whose first line of output is the password."};
constexpr KeySpec kReplyTimeout{.key = "reply_timeout",
                                .type = duration,
                                .fallback = "30s",
                                .help = "How long the proxy may take to reach a server.",
                                .least = 5,
                                .most = 120};

constexpr KeySpec kLimits[] = {
    {.key = "upload",
     .type = rate,
     .example = "mon-fri 08:00-18:00 5Mbit",
     .help = "The most that is sent, such as 20Mbit, or with a time in front; the first line whose time it is holds, else the one without a time, else "
             "there is no limit.",
     .repeatable = true},
    {.key = "download",
     .type = rate,
     .example = "50Mbit",
     .help = "The most that is received, in the same way.",
     .repeatable = true},
    {.key = "memory",
     .type = size,
     .example = "96MiB",
     .help = "The most memory that a run may take, program and all; at least 64MiB. Below 256MiB it holds less at once and is slower; without it, it takes what "
             "makes it fast: about 130 MiB, and 60 MiB more for each million of new chunks.",
     .least = 64 * limits::kMiB},
    {.key = "nice",
     .type = number,
     .example = "10",
     .help = "How far the agent stands back for other programs when processors are busy: 0 not at all, 19 behind all; without it, as it was started.",
     .most = 19},
    {.key = "ionice",
     .type = choice,
     .example = "idle",
     .help = "The same for disks, where the system's disk scheduler has classes; without it, as it was started.",
     .choices = kIoPriorities},
};

constexpr std::string_view kWhen[] = {"problems", "all"};
constexpr KeySpec kNotify[] = {
    {.key = "when",
     .type = choice,
     .fallback = "problems",
     .help = "problems: when a job fails for the first time, when it is overdue, and when it is well again; all: also when a run begins and ends.",
     .choices = kWhen},
    kNotifyWebhookKey,
    notify_proxy_key("The HTTP proxy for webhooks and pings; without it they are called directly."),
    kNotifyMailKey,
    kNotifySendmailKey,
    notify_command_key("A command with the notice in FARKEEP_EVENT (started, done, incomplete, failed, overdue, recovered), FARKEEP_JOB (empty when it is about the whole machine) and FARKEEP_TEXT."),
};

constexpr KeySpec kConnection[] = {
    {.key = "mode", .type = choice, .fallback = "direct",
     .help = "How servers are reached: direct, through a SOCKS proxy, through a firewall's mapped ports, or through an HTTP proxy that permits CONNECT.", .choices = kModes},
    {.key = "source_ports",
     .type = port_range,
     .example = "1024-5000",
     .help =
         "Local ports from which connections start, for firewalls that look at them; without it, the system chooses."},
    {.key = "connect_timeout",
     .type = duration,
     .fallback = "10s",
     .help = "How long a connection may take to be made before the next server is tried.",
     .least = 1,
     .most = 600},
    {.key = "progress_timeout",
     .type = duration,
     .fallback = "60s",
     .help = "How long a server may go without acknowledging anything before the session counts as broken.",
     .least = 5,
     .most = 3600},
};

constexpr KeySpec kSocks[] = {
    {.key = "proxy",
     .type = proxy,
     .example = "fw.example.net:1080",
     .help = "The SOCKS proxy as host or host:port (port 1080 unless written); it may have a DNS name.",
     .least = kSocksPort},
    {.key = "version",
     .type = choice,
     .fallback = "5",
     .help = "4 only for a proxy that knows nothing newer: it has no password and no IPv6.",
     .choices = kSocksVersions},
    {.key = "user", .type = login, .example = "backup", .help = "The user to log in as; without it, no login."},
    kPassword,
    kPasswordFile,
    kPasswordCommand,
    kReplyTimeout,
};

constexpr KeySpec kMapped[] = {
    {.key = "destination",
     .type = mapping,
     .example = "192.0.2.10 via fw.example.net:40001",
     .help = "A server's address and the firewall port that leads to it; one line for each address that farkeep connection map lists.",
     .repeatable = true},
};

constexpr KeySpec kHttp[] = {
    {.key = "proxy",
     .type = proxy,
     .example = "proxy.example.net:3128",
     .help = "The HTTP proxy as host or host:port (port 3128 unless written); it may have a DNS name, and must permit CONNECT to port 16384.",
     .least = kHttpProxyPort},
    {.key = "user", .type = login, .example = "backup", .help = "The user to log in as (Basic, in the clear up to the proxy); without it, no login."},
    kPassword,
    kPasswordFile,
    kPasswordCommand,
    kReplyTimeout,
};

constexpr KeySpec kJob[] = {
    {.key = "path",
     .type = path,
     .example = "/home",
     .help = "An absolute path to back up, with all below it; it counts also where it lies below another path that leaves it out. Symbolic links are not followed, and /dev, /proc, /run "
             "and /sys not entered unless they are named. A job needs a path or a command.",
     .usual = true,
     .repeatable = true},
    {.key = "command",
     .type = command_source,
     .example = "main.sql: pg_dump main",
     .help = "A command whose output is backed up as the file /command-output/main.sql, or under the job's name where the command has none; if it fails, "
             "there is no snapshot.",
     .repeatable = true},
    {.key = "exclude",
     .type = pattern,
     .example = "*.tmp",
     .help = "What to leave out, one rule as in gitignore with the file system's root in place of the repository; "
             "the last rule that matches decides.",
     .repeatable = true},
    {.key = "exclude_file",
     .type = path,
     .example = "/etc/farkeep/exclude",
     .help = "A file of such rules, one a line, which come before those written here."},
    {.key = "one_file_system",
     .type = boolean,
     .fallback = "no",
     .help = "Whether to stay on the file system that each path lies on."},
    {.key = "exclude_caches",
     .type = boolean,
     .fallback = "no",
     .help = "Whether to leave out the contents of folders that a CACHEDIR.TAG marks as a cache."},
    {.key = "exclude_larger_than",
     .type = size,
     .example = "4GiB",
     .help = "Files that are larger are left out.",
     .least = 1},
    {.key = "exclude_if_present",
     .type = file_name,
     .example = ".nobackup",
     .help = "Of a folder that has a file, a folder or a link of this name, only that is kept.",
     .repeatable = true},
    {.key = "ignore_file",
     .type = file_name,
     .example = ".farkeepignore",
     .help =
         "The name of files with rules as in gitignore for the folder they lie in; exclude and exclude_file have the last word. "
         "A file above 256 KiB, with more than 10 lines that are no rules, or whose rules are more than 10000 or take more than 8 MiB "
         "with those of the folders above, does not count; the log names it.",},
    {.key = "schedule",
     .type = schedule,
     .example = "daily 02:30",
     .help =
         "When to run: every 4h, hourly, daily 02:30, mon..fri 02:30, *-*-01 04:00 or any other calendar expression as systemd has "
         "them; without it, only on request.",
     .repeatable = true},
    {.key = "time_zone",
     .type = time_zone,
     .example = "Europe/Berlin",
     .help = "The zone of the job's schedules and windows; without it, the machine's."},
    {.key = "jitter",
     .type = duration,
     .fallback = "0s",
     .help = "Every start is later by up to so much, always by the same on one machine, so that not all machines start at once.",
     .most = 86400},
    {.key = "catch_up",
     .type = boolean,
     .fallback = "yes",
     .help = "Whether a start that was missed, because the machine was off, is made up for; once, however many were missed."},
    {.key = "window",
     .type = span,
     .example = "22:00-06:00",
     .help = "When the job may run, such as 22:00-06:00 or mon..fri 20:00-04:00; a run that does not fit stops at the end and goes on when the "
             "next window opens.",
     .repeatable = true},
    {.key = "retry_for",
     .type = duration,
     .fallback = "20h",
     .help = "How long a run that fails is tried again, with growing pauses, before it is left for the next time.",
     .most = 7 * 86400},
    {.key = "before",
     .type = command,
     .example = "/usr/local/sbin/prepare",
     .help = "A command that runs before the job; if it ends with status 75 the run is skipped, with any other but 0 it fails. A skipped run is neither a success nor a "
             "failure: nobody is told of it, and the time since the last snapshot goes on.",
     .repeatable = true},
    {.key = "after",
     .type = command,
     .example = "/usr/local/sbin/report",
     .help = "A command that runs when the job has made its snapshot.",
     .repeatable = true},
    {.key = "after_failure",
     .type = command,
     .example = "/usr/local/sbin/alarm",
     .help = "A command that runs when the job has failed, or its first command did.",
     .repeatable = true},
    {.key = "finally",
     .type = command,
     .example = "/usr/local/sbin/tidy-up",
     .help = "A command that runs at the end, whatever came of it, and also when the run is stopped.",
     .repeatable = true},
    {.key = "hook_timeout",
     .type = duration,
     .fallback = "1h",
     .help = "How long each of these commands may take before it is ended and counts as failed.",
     .least = 1,
     .most = 7 * 86400},
    {.key = "overdue_after",
     .type = duration,
     .fallback = "24h",
     .help = "How long after a scheduled time without a snapshot the job counts as overdue; write never on a machine whose before command may skip all runs.",
     .least = 60,
     .or_never = true},
    {.key = "ping",
     .type = url,
     .example = "https://hc-ping.com/0a1b2c3d",
     .help = "An address to be called as healthchecks.io and its like expect: with /start behind it when a run begins (after its before commands), as it is when it is done, and with /fail when it "
             "failed or raised an alarm. Of a run that is skipped it hears nothing."},
    {.key = "compression",
     .type = choice,
     .fallback = "auto",
     .help = "How much work to put into compression.",
     .choices = kCompressions},
    {.key = "tag",
     .type = label,
     .example = "office",
     .help = "A word by which to find the job's snapshots.",
     .repeatable = true},
    {.key = "enabled",
     .type = boolean,
     .fallback = "yes",
     .help = "Whether the schedule counts; a job that is not enabled can still be run by hand."},
};

constexpr SectionSpec kSections[] = {
    kIncludeSection,
    {"agent", "", "This machine.", kAgent},
    {"registration", "", "Where the agent registers; it learns there which pair of servers to use from then on.",
     kRegistration},
    {"escrow", "", "Recovery by the organisation: at registration a key slot for its key is put on the servers.", kEscrow},
    {"limits", "", "How much of the line and of the machine a run may take; local times are the machine's.", kLimits},
    {"notify", "", "Who hears of jobs; for the daemon's runs, not for those by hand.", kNotify},
    {"connection", "", "How the agent connects: outbound only, TCP only.", kConnection},
    {"socks", "", "The proxy of mode = socks.", kSocks},
    {"mapped", "", "The firewall ports of mode = mapped.", kMapped},
    {"http", "", "The proxy of mode = http.", kHttp},
    {"job", "main",
     "What to back up and when; one section for each job. A name is made of at most 64 of A-Z, a-z, 0-9, '.', '_' and "
     "'-'.",
     kJob},
    {"deployment", "", "Written by farkeep-deploy; leave it as it is.", kDeployment},
};

constexpr Schema kSchema{
    "Farkeep agent: every key, commented at its default, or at an example where it has none.\n"
    "Sizes are written with KiB, MiB, GiB, TiB or KB, MB, GB, TB; durations with s, m, h, d or w.\n"
    "A comment begins with # or ; at the start of a line or behind a blank; a value that holds one stands in double "
    "quotes.",
    kSections};

}  // namespace

const Schema& AgentConfig::schema() { return kSchema; }

}  // namespace farkeep
