#include "manual/generate.hpp"
#include "verbs.hpp"

// farkeep(1), farkeepd(8) and agent.ini(5): what no table knows.
namespace farkeep::cli {
namespace {

using manual::Page;

constexpr std::string_view kFarkeep = R"(
Farkeep is online backup for machines behind a firewall. The daemon farkeepd(8) runs the jobs of the configuration agent.ini(5) when they are due; this command is
for the machine's administrator: it sets the machine up, runs jobs by hand, looks at snapshots, restores, and finds out what stands in the way.

Everything is encrypted before it leaves the machine. Connections go outbound only, over TCP, to port 16384 of the primary or the alternate server of the pair that
registration assigned.

A JOB is the name of a section `[job NAME]`. A SNAPSHOT is `latest`, or `latest:JOB` for the newest one of a job, or an id that
`farkeep snapshots` lists, or the first digits of one. A path that `farkeep ls` prints may be given back to it and to `farkeep restore --path`: as it is, with \xNN
for each byte that must not reach a terminal. With `--json`, `path` is the name, and `path_hex` its bytes where they are no UTF-8.
)";

constexpr std::string_view kFirstSteps = R"(
1. Write `/etc/farkeep/agent.ini`; the package's sample with every key is in `/usr/share/doc/farkeep/examples`. The operator of the servers hands out their addresses, the
file `ca.pem`, and a token.

2. See that the machine gets through its firewall, and register it:

    farkeep config check
    farkeep doctor
    farkeep register

3. Print the recovery key and keep the paper away from this machine. Who has lost the machine and the key has lost the backups.

    farkeep key recovery

4. Start the daemon. The package has enabled it already; it starts by itself with the machine once this is registered.

    systemctl start farkeepd
    farkeep jobs
)";

constexpr std::string_view kExamples = R"(
A backup now, and what there is:

    farkeep backup main
    farkeep snapshots

One folder as it was, below another one:

    farkeep restore latest --path /etc/ssh --target /tmp/restored

Through a SOCKS proxy from now on, if that works:

    farkeep connection set mode=socks socks.proxy=fw.example.net:1080

The rules that the firewall needs:

    farkeep connection rules --for nftables

A server was set back, or its operator set a snapshot aside, and every verb ends with an alarm: read what is left, or take it as this machine's history:

    farkeep restore latest --accept-older --target /tmp/restored
    farkeep history accept

Completions for this shell only:

    source <(farkeep generate --bash-completion -)
)";

constexpr std::string_view kFiles = R"(
= /etc/farkeep/agent.ini
The configuration: agent.ini(5). It, its other files, the certificates and keys that it names, and commands that begin with a path are refused when others than root and the user
that the program runs as may change them, or a folder above in which they may rename; members of root's group count as root. Of a secret that everybody may read it warns, and names the command that mends it.
What nobody else can reach, behind a closed folder, is fine. The message says which chmod or chown mends it.
= /var/lib/farkeep
Identity, keys, journal and caches. What root writes there belongs to the folder's owner, so that the daemon can go on with it. Nothing in it is needed to restore on
another machine; there the recovery key or a passphrase is.
)";

constexpr std::string_view kKept = R"(
A snapshot holds content, holes, hard links, owners by number and name, modes, modification times, extended attributes, ACLs and capabilities, links, device nodes, fifos and sockets.
It does not hold the flags of chattr(1), project ids of quotas, birth and access times; a run that reads files with flags says how many.

A file that cannot be read is named, and the run ends with 3. One of which only an attribute cannot be read, or has no room in 128 KiB an entry, is kept without it, and named too. A file that was deleted
between being listed and being read is counted, and is no error.
)";

constexpr std::string_view kDaemon = R"(
The daemon runs the jobs of agent.ini(5) when they are due, tries again what fails, and prepares for new addresses of the servers. It listens on no port; farkeep(1)
reaches it through a socket in its state folder, which only its own user and root may open.

As the unit `farkeepd.service` it runs as the user farkeep, with the right to read every file (CAP_DAC_READ_SEARCH) and no right to change any. The system shows it no attributes named trusted.*, which overlay file systems have: where those matter, a drop-in adds CAP_SYS_ADMIN. The unit is enabled by
the package and starts nothing before there are a configuration and a registration: `/etc/farkeep/agent.ini` and `/var/lib/farkeep/identity`.
)";

constexpr std::string_view kSignals = R"(
= SIGHUP
The configuration is read again (`systemctl reload farkeepd`). A wrong one is refused with its mistakes in the journal, and the old one stays. Where nothing
in it has changed, runs that go on are left alone; else they are taken up again under the new one. Notices that wait are tried at once.
= SIGTERM, SIGINT
The daemon ends. A run goes on after the next start, and what was sent is not sent again.
)";

constexpr std::string_view kService = R"(
`NOTIFY_SOCKET` and `WATCHDOG_USEC`, which systemd sets: the daemon tells when it is ready, reloads and stops, what it is doing (the status line of
`systemctl status farkeepd`), and that it is alive.
)";

constexpr std::string_view kLimits = R"(
Commands that a job runs live under the unit's limits. A drop-in (`systemctl edit farkeepd`) widens them, and the comments at the end of the unit say how: for a dump that is
written to a file, for another user, for snapshots of LVM. A proxy's password can come as a credential of systemd, with `LoadCredential=` there and
`password_file = /run/credentials/farkeepd.service/NAME` in the configuration.
)";

constexpr std::string_view kDaemonFiles = R"(
= /etc/farkeep/agent.ini
The configuration.
= /var/lib/farkeep
Identity, keys, journal and caches; for the user farkeep alone. Removing or purging the package leaves it: with it the keys would be lost.
)";

constexpr std::string_view kIni = R"(
The configuration of farkeep(1) and farkeepd(8). Lines `key = value` stand in sections; a key that may be repeated has one line for each value. A comment begins with # or ;
at the start of a line or behind a blank; a value that holds one stands in double quotes.

Sizes are written with KiB, MiB, GiB, TiB or KB, MB, GB, TB; durations with s, m, h, d or w. A server is named by its IP address, never by a DNS name; only a proxy may
have one.

The file may hold secrets: it belongs to root and lies in a folder that others cannot read. `farkeep config check` names the line of every mistake, and the
nearest key that there is. `systemctl reload farkeepd` takes a changed file over.
)";

constexpr std::string_view kIniExamples = R"(
    [registration]
    server = 192.0.2.10
    server = 198.51.100.10
    ca_file = /etc/farkeep/ca.pem
    token_file = /etc/farkeep/token

    [job main]
    path = /etc
    path = /home
    exclude = *.tmp
    schedule = Mon..Fri 02:30
    window = 22:00-06:00

    [limits]
    upload = mon-fri 08:00-18:00 5Mbit
)";

// The words of `connection set`: a choice with each of its values, any other key for its value to follow.
std::vector<std::string> way_assignments() {
  std::vector<std::string> out;
  for (auto const& section : AgentConfig::schema().sections) {
    if (section.kind != "connection" && section.kind != "socks" && section.kind != "mapped" && section.kind != "http") continue;
    const std::string before = section.kind == "connection" ? "" : std::string{section.kind} + ".";
    for (auto const& key : section.keys) {
      const std::string start = before + std::string{key.key} + "=";
      if (key.type == SettingType::secret) continue;  // not on a command line
      if (key.choices.empty()) out.push_back(start);
      for (auto choice : key.choices) out.push_back(start + std::string{choice});
    }
  }
  return out;
}

Page farkeep_page(const manual::Program& program) {
  Page page("farkeep", 1, "online backup for machines behind a firewall");
  constexpr std::string_view kForms[] = {"farkeep [--config FILE] VERB [OPTIONS] [OPERANDS]", "farkeep VERB --help", "farkeep --version"};
  page.synopsis(kForms);
  page.text("DESCRIPTION", kFarkeep);
  page.text("FIRST STEPS", kFirstSteps);
  page.verbs(program);
  page.options("GENERAL OPTIONS", program.general);
  page.text("EXAMPLES", kExamples);
  page.text("WHAT A SNAPSHOT HOLDS", kKept);
  page.exit_status();
  page.text("FILES", kFiles);
  page.text("SEE ALSO", "farkeepd(8), agent.ini(5), farkeep-server(8)");
  return page;
}

Page farkeepd_page() {
  Page page("farkeepd", 8, "the backup agent's daemon");
  constexpr std::string_view kForms[] = {"farkeepd [--config FILE]", "farkeepd --help", "farkeepd --version"};
  page.synopsis(kForms);
  page.text("DESCRIPTION", kDaemon);
  const manual::Option options[] = {{.name = "config", .value = "FILE", .fallback = "/etc/farkeep/agent.ini", .help = "configuration file"},
                                    {.name = "version", .value = {}, .fallback = {}, .help = "prints the version"},
                                    {.name = "help", .letter = 'h', .value = {}, .fallback = {}, .help = "prints a short text"}};
  page.options("OPTIONS", options);
  page.text("SIGNALS", kSignals);
  page.text("ENVIRONMENT", kService);
  page.text("LIMITS OF THE UNIT", kLimits);
  page.exit_status();
  page.text("FILES", kDaemonFiles);
  page.text("SEE ALSO", "farkeep(1), agent.ini(5), systemd.exec(5)");
  return page;
}

constexpr manual::IniPage kIniPage{"agent.ini", "configuration of the backup agent", "/etc/farkeep/agent.ini", kIni, kIniExamples, "farkeep(1), farkeepd(8)"};

}  // namespace

void generate_options(po::options_description& d) { manual::generate_options(d); }

Exit generate(App&, const Values& values, const Operands& operands) {
  no_operands(operands);
  const po::options_description general = general_options();
  manual::Program program = manual::program_of("farkeep", general, commands());
  program.config = App::Options().config;
  program.assignments = way_assignments();
  const Page pages[] = {farkeep_page(program), farkeepd_page(), manual::ini_page(kIniPage, AgentConfig::schema())};
  manual::generate(values, program, pages);
  return Exit::done;
}

}  // namespace farkeep::cli
