#include "transport/mapped_dialer.hpp"

#include <algorithm>

#include "transport/named_stream.hpp"

namespace farkeep {

task<std::unique_ptr<Stream>> MappedDialer::dial(Endpoint destination) {
  ProxyPlace place;
  place.kind = ProxyKind::mapped;
  place.destination = destination;
  const auto row = std::find_if(mappings_.begin(), mappings_.end(), [&](const Mapping& m) { return m.destination.to_string() == destination.text(); });
  if (row == mappings_.end()) throw proxy_error(ProxyTrouble::not_mapped, place);
  place.proxy = row->via.to_string();
  std::unique_ptr<Stream> stream = co_await route_.dial(row->via, place);
  co_return std::make_unique<NamedStream>(std::move(stream), destination.text() + " through mapped port " + place.proxy);
}

}  // namespace farkeep
