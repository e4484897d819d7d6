using HeadTap.Gpu;
using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>The table that bench/gpu/run sets measurements against.</summary>
public class EstimateTableTests
{
    static readonly EstimateEntry s_forward = new("H200", "forward", "B=1 T=1024", "bf16", 1.5, "shared");

    static readonly EstimateEntry s_both =
        new("H100", "cross-entropy, both ways", "1024 x 50257", "fp32", 0.25, "memory");

    [Test]
    public void What_is_written_is_read()
    {
        string path = Path.GetTempFileName();
        try
        {
            EstimateTable.Write(path, [s_forward, s_both]);
            IReadOnlyList<EstimateEntry> read = EstimateTable.Read(path);
            Assert.That(read, Is.EqualTo(
                (EstimateEntry[])[s_forward, s_both with { Work = "cross-entropy; both ways" }]));
            Assert.That(EstimateTable.Find(read, Card.H100, s_both.Work, s_both.Shape, "fp32")?.LeastMs,
                Is.EqualTo(0.25));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestCase("H200", "forward", "B=1 T=1024", "bf16", true),
        TestCase("H100", "forward", "B=1 T=1024", "bf16"),
        TestCase("H200", "backward", "B=1 T=1024", "bf16"), TestCase("H200", "forward", "B=4 T=256", "bf16"),
        TestCase("H200", "forward", "B=1 T=1024", "fp32")]
    public void Card_work_shape_and_precision_must_be_those_of_the_measurement(
        string card, string work, string shape, string precision, bool found = false)
        => Assert.That(EstimateTable.Find([s_forward], Card.Of(card), work, shape, precision),
            found ? Is.EqualTo(s_forward) : Is.Null);

    [TestCase("NVIDIA H200", "H200"), TestCase("NVIDIA H100 80GB HBM3", "H100"), TestCase("Tesla T4", "T4"),
        TestCase("NVIDIA A100-SXM4-40GB", "A100"), TestCase("NVIDIA GeForce RTX 4090", null),
        TestCase("NVIDIA T400", null)]
    public void A_device_names_its_card(string description, string? card)
        => Assert.That(Card.Of(description)?.Name, Is.EqualTo(card));

    [TestCase(""), TestCase("card,work\n"),
        TestCase("card,work,shape,products,least_ms,bound\nH200,forward,B=1,bf16,none,shared\n"),
        TestCase("card,work,shape,products,least_ms,bound\nH200,forward,B=1,bf16,NaN,shared\n")]
    public void Another_file_is_refused(string text)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            Assert.That(() => EstimateTable.Read(path), Throws.TypeOf<UserException>());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
