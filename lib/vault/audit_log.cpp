#include "vault/audit_log.hpp"

#include <boost/json/serialize.hpp>

namespace farkeep {

void audit(Disk& disk, const std::string& data, std::int64_t time_ns, boost::json::object act) {
  boost::json::object line;
  line["time_ns"] = time_ns;
  for (auto& field : act) line[field.key()] = std::move(field.value());
  auto const file = disk.open(data + "/audit.log", Open::read_write);
  file->append(as_bytes(boost::json::serialize(line) + "\n"));
  file->sync();
}

}  // namespace farkeep
