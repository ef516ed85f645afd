#include "models/LstmScan.h"

#include "models/LstmCell.h"

namespace btcai {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Written as one autograd node with its own backward pass: as separate operations, bookkeeping takes longer than arithmetic.
class WindowLstm : public torch::autograd::Function<WindowLstm> {
public:
    static Tensor forward(AutogradContext* ctx, const Tensor& projected, const Tensor& recurrent, std::int64_t length, bool bfloat16)
    {
        const std::int64_t stretches = projected.size(0);
        const std::int64_t windows = projected.size(1) - length + 1;
        const std::int64_t hidden = recurrent.size(1);
        const std::int64_t rows = stretches * windows;
        const Tensor weights = (bfloat16 ? recurrent.to(torch::kBFloat16) : recurrent).t();
        const Tensor gates = torch::empty({length, rows, 4 * hidden}, projected.options());
        const Tensor cells = torch::zeros({length + 1, rows, hidden}, projected.options());
        const Tensor cellTanh = torch::empty({length, rows, hidden}, projected.options());
        const Tensor states = torch::zeros({length + 1, rows, hidden}, projected.options());
        for (std::int64_t k = 0; k < length; ++k) {
            Tensor gate = gates[k];
            gate.view({stretches, windows, 4 * hidden}).copy_(projected.narrow(1, k, windows));
            if (k > 0 && bfloat16)
                gate.add_(states[k].to(torch::kBFloat16).mm(weights));
            else if (k > 0)
                gate.addmm_(states[k], weights);
            lstmStep(gate, cells[k], cells[k + 1], cellTanh[k], states[k + 1]);
        }
        ctx->save_for_backward({recurrent, gates, cells, cellTanh, states});
        ctx->saved_data["tokens"] = projected.size(1);
        ctx->saved_data["stretches"] = stretches;
        ctx->saved_data["bfloat16"] = bfloat16;
        return states[length].view({stretches, windows, hidden}).clone();
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const variable_list saved = ctx->get_saved_variables();
        const Tensor &recurrent = saved[0], &gates = saved[1], &cells = saved[2], &cellTanh = saved[3], &states = saved[4];
        const std::int64_t tokens = ctx->saved_data["tokens"].toInt();
        const std::int64_t stretches = ctx->saved_data["stretches"].toInt();
        const bool bfloat16 = ctx->saved_data["bfloat16"].toBool();
        const auto factor = [bfloat16](const Tensor& x) { return bfloat16 ? x.to(torch::kBFloat16) : x; };
        const Tensor weights = factor(recurrent);
        const std::int64_t length = gates.size(0);
        const std::int64_t rows = gates.size(1);
        const std::int64_t hidden = recurrent.size(1);
        const std::int64_t windows = rows / stretches;
        Tensor gradState = gradients[0].reshape({rows, hidden}).contiguous();
        Tensor gradCell = torch::zeros({rows, hidden}, gates.options());
        const Tensor gradGates = torch::empty_like(gates);
        const Tensor gradProjected = torch::zeros({stretches, tokens, 4 * hidden}, gates.options());
        for (std::int64_t k = length - 1; k >= 0; --k) {
            Tensor grad = gradGates[k];
            lstmStepBackward(gates[k], cells[k], cellTanh[k], gradState, gradCell, grad);
            gradProjected.narrow(1, k, windows).add_(grad.view({stretches, windows, 4 * hidden}));
            if (k > 0)
                gradState = factor(grad).mm(weights).to(grad.scalar_type());
        }
        const Tensor gradRecurrent = factor(gradGates.view({length * rows, 4 * hidden}))
                                         .t()
                                         .mm(factor(states.narrow(0, 0, length).reshape({length * rows, hidden})))
                                         .to(gradGates.scalar_type());
        return {gradProjected, gradRecurrent, Tensor(), Tensor()};
    }
};

} // namespace

torch::Tensor lstmOverWindows(const torch::Tensor& projected, const torch::Tensor& recurrent, std::int64_t length, bool bfloat16)
{
    return WindowLstm::apply(projected, recurrent, length, bfloat16);
}

} // namespace btcai
