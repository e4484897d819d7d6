using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>An edit at one site, checked against a batch; nothing of it is on the device yet.</summary>
/// <param name="Edit">What is done.</param>
/// <param name="Site">Where.</param>
/// <param name="Stride">Floats of a row of the tensor that holds the site.</param>
/// <param name="Column">The first column edited.</param>
/// <param name="Width">Columns edited.</param>
/// <param name="Step">The pass of a generation that the rows belong to.</param>
/// <param name="Rows">What is edited, by batch row and position.</param>
/// <param name="RowIds">The same as rows of the tensor.</param>
/// <param name="Values">[width], or [rows, width]; empty where the operation takes none.</param>
/// <param name="PerRow">Whether each row has values of its own.</param>
sealed record PreparedEdit(
    Edit Edit, Site Site, int Stride, int Column, int Width, int Step, List<EditRow> Rows, int[] RowIds,
    float[] Values, bool PerRow)
{
    /// <summary>[width]: the second direction of a swap; empty for other operations.</summary>
    internal float[] To { get; init; } = [];

    /// <summary>Floats of the edit on the device.</summary>
    internal long Floats => RowIds.Length + (long)Values.Length + Width + 64
        + (To.Length > 0 ? DirectionSwap.Floats(RowIds.Length, Width) : 0);
}

/// <summary>
/// An edit on the device, as ops over the tensor that holds its site: x to y, and dL/dy to dL/dx.
/// </summary>
sealed record EditStep(PreparedEdit Plan, IndexTensor Ids, Tensor? Values, Tensor? Mean)
{
    /// <summary>Of a swap; null for other operations.</summary>
    internal DirectionSwap? Swap { get; init; }

    /// <summary>The tensor as rows of the site's stride.</summary>
    internal Tensor Rowed(Tensor x)
        => x.Columns == Plan.Stride ? x : x.Reshape(checked((int)(x.Length / Plan.Stride)), Plan.Stride);

    internal void Forward(Ops ops, Tensor x)
    {
        Edit e = Plan.Edit;
        switch (e.Operation)
        {
            case EditOperation.Add: ops.EditAdd(Ids, Values!, x, Plan.Column, e.Alpha); break;
            case EditOperation.Replace or EditOperation.Patch:
                ops.EditReplace(Ids, Values!, x, Plan.Column);
                break;
            case EditOperation.Scale: ops.EditScale(Ids, x, Plan.Column, Plan.Width, e.Alpha); break;
            case EditOperation.Zero: ops.EditScale(Ids, x, Plan.Column, Plan.Width, 0f); break;
            case EditOperation.Mean: ops.EditMean(Ids, x, Mean!, Plan.Column, Plan.Width); break;
            case EditOperation.ProjectOut:
                ops.EditProjectOut(Ids, Values!, x, Plan.Column, e.Alpha);
                break;
            case EditOperation.Swap: Swap!.Forward(ops, x); break;
            default: Call(x, e.Function!); break;
        }
    }

    internal void Backward(Ops ops, Tensor dX)
    {
        Edit e = Plan.Edit;
        switch (e.Operation)
        {
            case EditOperation.Add: break; // d(x + v)/dx is the identity
            case EditOperation.Replace or EditOperation.Patch or EditOperation.Zero: // x is forgotten
                ops.EditScale(Ids, dX, Plan.Column, Plan.Width, 0f);
                break;
            case EditOperation.Scale: ops.EditScale(Ids, dX, Plan.Column, Plan.Width, e.Alpha); break;
            case EditOperation.Mean: // averaging over n rows is a symmetric matrix
                ops.EditMean(Ids, dX, Mean!, Plan.Column, Plan.Width);
                break;
            case EditOperation.Swap: Swap!.Backward(ops, dX); break;
            case EditOperation.ProjectOut: // so is I - alpha u uᵀ
                ops.EditProjectOut(Ids, Values!, dX, Plan.Column, e.Alpha);
                break;
            default:
                if (e.FunctionBackward is { } backward)
                    Call(dX, backward);
                break;
        }
    }

    // Row by row through the host: a C# function is for trying things out, not for speed.
    void Call(Tensor x, EditFunction function)
    {
        int n = Plan.RowIds.Length, width = Plan.Width;
        float[] values = new float[(long)n * width];
        for (int i = 0; i < n; i++)
            Row(i).Download(values.AsSpan(i * width, width));
        function(new EditContext(Plan.Site, Plan.Step, Plan.Rows, width, values));
        for (int i = 0; i < n; i++)
            Row(i).Upload(values.AsSpan(i * width, width));
        Tensor Row(int i)
            => x.Slice("edited row", (long)Plan.RowIds[i] * Plan.Stride + Plan.Column, width);
    }
}
