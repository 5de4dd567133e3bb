"""The loop that joins the road's steps 1 to 5, and what people may say to it while it runs. Loads no scoring."""
