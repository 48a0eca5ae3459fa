#include "bundle_folder.hpp"

#include "base/software.hpp"
#include "install_script.hpp"
#include "platform/atomic_file.hpp"
#include "platform/command.hpp"
#include "platform/process.hpp"

namespace farkeep::deploy {
namespace {

constexpr std::size_t kMaxOutput = 64 * 1024;       // of tar and dpkg-deb: some lines
constexpr std::chrono::minutes kPackTime{5};  // a bundle is small, but packages may lie beside it, on slow disks

std::string parent_of(const std::string& path) {
  std::size_t const slash = path.rfind('/');
  return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string leaf_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void write(Disk& disk, const std::string& path, std::string_view bytes) {
  auto const file = disk.open(path, Open::create_new);
  file->append(as_bytes(bytes));
  file->sync();
}

// A folder beside `path` that goes with this object, unless it was renamed away; and what others that were killed left of theirs goes, for tokens may lie there.
class Workshop {
 public:
  Workshop(Disk& disk, const std::string& path, const char* what) : disk_(disk) {
    std::string const prefix = "." + leaf_of(path) + "." + what + "-";
    for (auto const& name : disk_.list(parent_of(path)))
      if (name.starts_with(prefix)) disk_.remove_tree(parent_of(path) + "/" + name);
    path_ = parent_of(path) + "/" + prefix + std::to_string(process_id());
  }
  ~Workshop() {
    try {
      disk_.remove_tree(path_);
    } catch (const failure&) {
      // What is left has a name that nobody takes for a bundle.
    }
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  const std::string& path() const { return path_; }

 private:
  Disk& disk_;
  std::string path_;
};

}  // namespace

// 1. may it be replaced?  2. write beside it  3. take the old one away  4. rename
void write_bundle(Disk& disk, const std::string& folder, const BundleFiles& files, Replace replace) {
  bool const there = disk.exists(folder);
  std::string const doing = "writing the bundle " + folder;
  if (there && replace == Replace::no)
    throw failure(Errc::exists, doing + ": it is there already; --force replaces it, --out DIR names another place");
  if (there && !disk.exists(folder + "/" + std::string{kManifest}))
    throw failure(Errc::exists, doing + ": what is there is no bundle, and is not replaced; --out DIR names another place");
  Workshop fresh{disk, folder, "new"};
  disk.make_folders(fresh.path());
  for (auto const& [name, bytes] : files) write(disk, fresh.path() + "/" + name, bytes);
  disk.sync_folder(fresh.path());
  Workshop old{disk, folder, "old"};
  if (there) disk.rename(folder, old.path());
  disk.rename(fresh.path(), folder);
  disk.sync_folder(parent_of(folder));
}

BundleFiles read_bundle(Disk& disk, const std::string& folder) {
  std::string const doing = "reading the bundle " + folder;
  if (!disk.exists(folder + "/" + std::string{kManifest}))
    throw failure(Errc::not_found, doing + ": it has no manifest (is it the folder that farkeep-deploy bundle made?)");
  BundleFiles out;
  for (auto const& name : disk.list(folder)) {
    if (name.ends_with(".deb")) continue;  // packages may be put beside it
    auto const bytes = read_file(disk, folder + "/" + name, kMaxBundleFile);
    if (bytes) out[name] = to_string(*bytes);
    if (out.size() > kMaxBundleFiles + 1) throw failure(Errc::too_large, doing + ": it has too many files for a bundle");
  }
  return out;
}

void pack_tar(const std::string& folder, const std::string& file) {
  (void)command_output("tar --owner=0 --group=0 --numeric-owner --sort=name -C " + shell_word(parent_of(folder)) + " -czf " + shell_word(file + ".part") +
                           " -- " + shell_word(leaf_of(folder)) + " && mv -f -- " + shell_word(file + ".part") + " " + shell_word(file),
                       {kMaxOutput, kPackTime});
}

std::string package_name(const std::string& bundle) {
  std::string out = "farkeep-config-";
  for (char c : bundle) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    bool const fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '+';
    out += fits ? c : '-';
  }
  return out;
}

// The settings lie in a folder of the package's own, and its script installs them: /etc/farkeep is the agent package's and the administrator's.
std::string pack_deb(Disk& disk, const std::string& folder, const BundleManifest& facts, const std::string& into, WallTime now) {
  if (as_text(command_output("command -v dpkg-deb || :", {kMaxOutput, kPackTime})).empty())
    throw failure(Errc::configuration,
                  "making a package: there is no dpkg-deb on this machine (the Debian package dpkg has it; --tar makes an archive without it)");
  std::string const name = package_name(facts.bundle);
  std::string version = "1.";  // later bundles replace earlier ones
  for (char c : rfc3339(now))
    if (c >= '0' && c <= '9') version += c;
  std::string const place = "/usr/share/farkeep/deploy/" + facts.bundle;
  Workshop stage{disk, folder, "deb"};
  disk.make_folders(stage.path() + "/DEBIAN");
  disk.make_folders(stage.path() + parent_of(place));
  write(disk, stage.path() + "/DEBIAN/control",
        "Package: " + name + "\nVersion: " + version + "\nArchitecture: all\nSection: admin\nPriority: optional\nMaintainer: " + facts.organisation +
            " <root@localhost>\nEnhances: farkeep\nDescription: settings of the Farkeep backup agent, bundle " + facts.bundle +
            "\n Made by farkeep-deploy (" + std::string{kSoftware} + ").  Installing it registers the machine.\n");
  // A machine whose firewall is not open yet keeps the package: its registration is made up for.
  write(disk, stage.path() + "/DEBIAN/postinst",
        "#!/bin/sh\nset -e\n[ \"$1\" = configure ] || exit 0\nrc=0\nsh " + shell_word(place + "/install.sh") +
            " || rc=$?\n[ $rc -ne 4 ] || exit 0\nexit $rc\n");
  std::string const file = into + "/" + name + "_" + version + "_all.deb";
  std::string const at = shell_word(stage.path());
  (void)command_output("cp -r -- " + shell_word(folder) + " " + shell_word(stage.path() + place) + " && chmod -R go+rX " + at + " && chmod 0755 " +
                           at + "/DEBIAN/postinst && chmod -R go= " + shell_word(stage.path() + place) + " && dpkg-deb --root-owner-group --build " +
                           at + " " + shell_word(file + ".part") + " && mv -f -- " + shell_word(file + ".part") + " " + shell_word(file),
                       {kMaxOutput, kPackTime});
  return file;
}

}  // namespace farkeep::deploy
