#include "models/TorchScript.h"

#include <algorithm>
#include <sstream>

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/script.h>

#include "base/Error.h"
#include "models/ModelFactory.h"

namespace btcai {

namespace {

using torch::Tensor;
using torch::jit::Stack;

/// A copy on the CPU that is not trained. Tracing refuses constants with a gradient.
AgentNetwork frozenCopy(AgentNetwork& network)
{
    AgentNetwork copy(network->options());
    const torch::NoGradGuard noGrad;
    const auto from = network->named_parameters();
    for (auto& parameter : copy->named_parameters()) {
        parameter.value().copy_(from[parameter.key()]);
        parameter.value().set_requires_grad(false);
    }
    copy->eval();
    return copy;
}

Stack outputsOf(AgentNetwork& network, const Stack& inputs)
{
    const Tensor features = inputs[0].toTensor(), state = inputs[1].toTensor();
    const MarketEncoding market = network->encoder()->forward(features.unsqueeze(0)); // [1, P, D]
    const AccountInput account
        = network->recall(state.unsqueeze(0).unsqueeze(2), inputs.size() > 2 ? inputs[2].toTensor().view({1, 1, -1}) : Tensor()); // one account
    const HeadOutput heads = network->heads(market.embedding, account.state);
    std::vector<Tensor> out{heads.logits.squeeze(2).squeeze(0), heads.value.squeeze(2).squeeze(0), market.gates.squeeze(0)};
    if (network->options().horizons > 0) {
        const ForecastOutput forecast = network->forecast(market.embedding);
        out.push_back(forecast.mean.squeeze(0));
        out.push_back(forecast.logDeviation.squeeze(0).exp());
        if (forecast.shape.defined())
            out.push_back(forecast.shape.squeeze(0));
    }
    if (account.memory.defined())
        out.push_back(account.memory.view({-1}));
    return {torch::ivalue::Tuple::create(std::vector<torch::IValue>(out.begin(), out.end()))};
}

} // namespace

std::string torchScriptOf(AgentNetwork network, const std::map<std::string, std::string>& texts)
{
    const AgentNetworkOptions& options = network->options();
    if (!options.hasMarket)
        throw Error(ErrorKind::BadInput, "a network without a market has no TorchScript form");
    AgentNetwork frozen = frozenCopy(network);
    torch::jit::Module module("BtcaiAgent");
    for (const auto& parameter : frozen->named_parameters()) {
        std::string name = parameter.key();
        std::ranges::replace(name, '.', '_');
        module.register_parameter(name, parameter.value(), false);
    }
    const torch::NoGradGuard noGrad;
    const std::int64_t patch = options.encoder.patch, rows = frozen->encoder()->contextRows() + patch;
    Stack example{torch::zeros({rows, options.encoder.features}), torch::zeros({patch, options.privateSize})};
    std::vector<std::string> names{"features", "state"};
    if (options.recurrentWidth > 0) {
        example.push_back(torch::zeros({2 * options.recurrentWidth}));
        names.emplace_back("memory");
    }
    const auto traced = torch::jit::tracer::trace(
        example, [&frozen](const Stack& inputs) { return outputsOf(frozen, inputs); }, [](const torch::autograd::Variable&) { return std::string(); },
        true, false, &module, names);
    const auto function = module._ivalue()->compilation_unit()->create_function(
        torch::QualifiedName(*module.type()->name(), "forward"), traced.first->graph);
    module.type()->addMethod(function);
    std::ostringstream bytes;
    module.save(bytes, torch::jit::ExtraFilesMap(texts.begin(), texts.end()));
    return std::move(bytes).str();
}

} // namespace btcai
