#include "adapters/providers/jwt.hpp"

#include "base/crypto.hpp"

namespace herald {

Result<std::string> sign_jwt(std::string_view header, std::string_view claims,
                             const std::function<Result<std::string>(std::string_view input)>& sign) {
    const std::string input = base64url(header) + "." + base64url(claims);
    const auto signature = sign(input);
    if (!signature) return fail(signature.error());
    return input + "." + base64url(*signature);
}

}  // namespace herald
