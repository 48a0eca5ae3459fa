#include "command.hpp"
#include "config/profile_config.hpp"
#include "manual/generate.hpp"

// farkeep-deploy(1) and profile.ini(5): what no table knows.
namespace farkeep::deploy {
namespace {

using manual::Page;

constexpr std::string_view kAbout = R"(
Turns the profile of an organisation, profile.ini(5), into bundles: folders with all that a machine needs to become an agent without anybody answering a question.
A bundle is for a class of machines or for one machine. It holds the configuration, the data centres' authority, the token, the organisation's escrow key, an installer, and the
sheet for those who run the firewalls.

`install.sh` of a bundle works offline but for the servers themselves, without a terminal, and as often as one likes: it installs the configuration, registers the machine unless it is
registered, and starts the service. With `--root DIR` it prepares an image, which registers when `install.sh` runs there.

Whoever holds the private half of the escrow key can recover the backups of every machine. Keep it away from networks.
)";

constexpr std::string_view kSteps = R"(
The key by which the organisation recovers machines:

    farkeep-deploy escrow create --private-key-file /media/safe/escrow.key --public-key-file escrow.pub

On a server, a token for fifty machines:

    farkeep-server token create --account example --uses 50 --expires 30d

The bundle, as a folder and as a Debian package, and what is in it:

    farkeep-deploy check profile.ini
    farkeep-deploy bundle profile.ini --class web --token-file token --deb
    farkeep-deploy verify web

On a machine:

    sh web/install.sh

Later, what somebody has changed there:

    farkeep-deploy diff web /etc/farkeep/agent.ini
)";

constexpr std::string_view kFiles = R"(
= agent.ini, ca.pem, token, escrow.pub
What goes to `/etc/farkeep`. The token is a secret: hand the bundle out accordingly. The installer removes it from the machine when it has registered.
= install.sh, README
For whoever installs it.
= firewall-sheet.txt
Who connects from where to where, and the rules in the languages of the firewalls.
= manifest
The SHA-256 of each file. It shows damage, not forgery: compare its own SHA-256, which `bundle` prints, another way.
)";

constexpr std::string_view kIni = R"(
What farkeep-deploy(1) makes bundles of. It has all sections and keys of agent.ini(5), for all machines, save those that a machine or the kit gives itself, and a few of its own. A [job] is for the classes that
its `class` lines name, or for all. Lines `key = value` stand in sections; a key that may be repeated has one line for each value.
)";

constexpr std::string_view kIniExamples = R"(
    [organisation]
    name = example

    [registration]
    server = 192.0.2.10
    server = 198.51.100.10
    ca_file = /srv/farkeep/ca.pem

    [class web]
    match = web*.example.org

    [job system]
    path = /etc

    [job sites]
    class = web
    path = /srv/www
    schedule = daily 02:30
)";

Page kit_page(const manual::Program& program) {
  Page page("farkeep-deploy", 1, "deployment kit for online backup");
  constexpr std::string_view kForms[] = {"farkeep-deploy VERB [OPTIONS] [OPERANDS]", "farkeep-deploy VERB --help", "farkeep-deploy --version"};
  page.synopsis(kForms);
  page.text("DESCRIPTION", kAbout);
  page.verbs(program);
  page.options("GENERAL OPTIONS", program.general);
  page.text("EXAMPLES", kSteps);
  page.exit_status();
  page.text("FILES OF A BUNDLE", kFiles);
  page.text("SEE ALSO", "profile.ini(5), agent.ini(5), farkeep(1), farkeep-server(8)");
  return page;
}

constexpr manual::IniPage kIniPage{"profile.ini", "an organisation's profile for the backup of its machines", "profile.ini", kIni, kIniExamples, "farkeep-deploy(1), agent.ini(5)"};

}  // namespace

void generate_options(po::options_description& d) { manual::generate_options(d); }

Exit generate(App&, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const general = general_options();
  manual::Program program = manual::program_of("farkeep-deploy", general, commands());
  const Page pages[] = {kit_page(program), manual::ini_page(kIniPage, ProfileConfig::schema())};
  manual::generate(values, program, pages);
  return Exit::done;
}

}  // namespace farkeep::deploy
